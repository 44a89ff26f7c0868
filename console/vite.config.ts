// Builds the console into dist, which console.go embeds. Every file but the page
// itself has a hash in its name and may be kept for ever.
import { rmSync } from 'node:fs';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// The former site goes, and .gitkeep stays: without it the Go package does not compile.
const clean = {
  name: 'clean',
  apply: 'build' as const,
  buildStart() {
    rmSync('dist/assets', { recursive: true, force: true });
    rmSync('dist/index.html', { force: true });
  },
};

export default defineConfig({
  plugins: [react(), clean],
  build: {
    target: 'es2022',
    // The content security policy allows no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    emptyOutDir: false,
    chunkSizeWarningLimit: 1200,
  },
  test: {
    include: ['src/**/*.test.ts'],
    environment: 'node',
  },
});
