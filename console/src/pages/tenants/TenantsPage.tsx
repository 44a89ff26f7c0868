// The tenants that one may open.
import { useMe, useMemberships } from '../../shell/tenant';
import { common, signin, tenants as t } from '../../texts';
import { currentSession } from '../../auth/auth';
import { DataTable } from '../../ui/DataTable';
import { Link } from '../../ui/links';
import { Loaded, Page } from '../../ui/Page';
import { CopyButton, Name } from '../../ui/text';

export function TenantsPage() {
  const memberships = useMemberships();
  const me = useMe();
  if (memberships.data?.length === 0) {
    const who = currentSession().who || me.data?.name || '';
    return (
      <Page
        title={t.title}
        sentence={signin.noTenant(who)}
        commands={me.data ? <CopyButton value={me.data.userId} said={t.userIdCopied}>{t.copyUserId}</CopyButton> : undefined}
      >
        <p>{signin.noTenantNext}</p>
        {me.data ? <code>{me.data.userId}</code> : null}
      </Page>
    );
  }
  return (
    <Page title={t.title} sentence={memberships.data ? t.sentence(memberships.data.length) : undefined}>
      <Loaded query={memberships}>
        {(list) => (
          <DataTable
            label={t.title}
            rows={list}
            rowKey={(m) => m.id}
            columns={[
              {
                key: 'name',
                header: t.columns.tenant,
                cell: (m) => (
                  <Link to="/t/$tenant" params={{ tenant: m.id }}>
                    <Name>{m.name}</Name>
                  </Link>
                ),
              },
              { key: 'role', header: t.columns.role, width: '160px', cell: (m) => common.roles[m.role] ?? m.role },
            ]}
          />
        )}
      </Loaded>
    </Page>
  );
}
