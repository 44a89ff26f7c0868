// An address that names no page.
import { common as t } from '../../texts';
import { Link } from '../../ui/links';
import { Page } from '../../ui/Page';

export function NotFoundPage() {
  return <Page title={t.notFoundTitle} sentence={t.notFound} commands={<Link to="/">{t.home}</Link>} />;
}
