// Builds the console into dist, which console.go embeds. Every file but the page
// itself has a hash in its name and may be kept for ever.
import { rmSync } from 'node:fs';
import react from '@vitejs/plugin-react';
import type { IndexHtmlTransformContext } from 'vite';
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

// The first page names what comes after it, to be fetched while somebody reads: the
// console, and the pages that one comes to from the provider.
const AFTER = ['src/main.tsx', 'src/pages/callback/CallbackPage.tsx', 'src/pages/home/HomePage.tsx', 'src/pages/overview/OverviewPage.tsx'];
const later = {
  name: 'later',
  apply: 'build' as const,
  transformIndexHtml: {
    order: 'post' as const,
    handler(_html: string, { bundle = {} }: IndexHtmlTransformContext) {
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk');
      const found = new Set<string>();
      const add = (name: string) => {
        const chunk = chunks.find((c) => c.fileName === name);
        if (!chunk || found.has(name)) return;
        found.add(name);
        for (const style of chunk.viteMetadata?.importedCss ?? []) found.add(style);
        for (const next of chunk.imports) add(next);
      };
      for (const page of AFTER) {
        const chunk = chunks.find((c) => c.facadeModuleId?.endsWith(page));
        if (!chunk) throw new Error(`${page} is in no chunk of its own`);
        add(chunk.fileName);
      }
      return [...found].map((name) => ({ tag: 'link', attrs: { 'data-later': true, href: `/${name}` }, injectTo: 'body' as const }));
    },
  },
};

export default defineConfig({
  plugins: [react(), clean, later],
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
