// The choices of choices.ts, for components.
import { useSyncExternalStore } from 'react';
import { currentChoices, onChoice, type Choices } from './choices';

export { choose, currentChoices, onChoice, type Choices } from './choices';

export const useChoices = (): Choices => useSyncExternalStore(onChoice, currentChoices);
