import { useTenant } from '../../shell/tenant';
import { policyDiff as t } from '../../texts';
import { Name } from '../../ui/text';
import { Page } from '../../ui/Page';

export function PolicyDiffPage() {
  const tenant = useTenant();
  return <Page title={t.title} sentence={tenant ? <Name as="whole">{tenant.name}</Name> : undefined} />;
}
