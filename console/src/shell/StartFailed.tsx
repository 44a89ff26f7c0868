// The console cannot start: its settings or the sign-in service are out of reach.
import { Button } from '@fluentui/react-components';
import { common } from '../texts';
import { Landing } from './Landing';

export function StartFailed({ sentence }: { sentence: string }) {
  return (
    <Landing title={common.product} sentence={sentence}>
      <Button onClick={() => location.reload()}>{common.tryAgain}</Button>
    </Landing>
  );
}
