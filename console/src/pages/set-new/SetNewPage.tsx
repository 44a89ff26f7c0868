import { useTenant } from '../../shell/tenant';
import { setNew as t } from '../../texts';
import { Name } from '../../ui/text';
import { Page } from '../../ui/Page';

export function SetNewPage() {
  const tenant = useTenant();
  return <Page title={t.title} sentence={tenant ? <Name as="whole">{tenant.name}</Name> : undefined} />;
}
