// What was read, kept while pages come and go.
import { QueryClient } from '@tanstack/react-query';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // The scheduler decides what is asked again and when; see poll/.
      retry: false,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      staleTime: 1000,
      gcTime: 5 * 60_000,
    },
  },
});
