/* The console as files that run below any path: relative addresses, nothing inline (the Content-Security-Policy
 * has neither 'unsafe-inline' nor data:), names that carry a hash of the content. */
import { defineConfig } from 'vite'

const daemon = process.env.LAKEGATE_ENDPOINT ?? 'http://127.0.0.1:9000'

export default defineConfig({
  base: './',
  build: {
    outDir: process.env.CONSOLE_DIST ?? '../../build/console/dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: 'es2022',
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: true,
    chunkSizeWarningLimit: 1024,
  },
  resolve: { alias: { hysnappy: new URL('./src/previews/hysnappy.ts', import.meta.url).pathname } },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  /* npm run dev: the daemon answers all but the console itself. Host stays, since it is signed. */
  server: { proxy: { '^/(?!(@|src/|node_modules/|index\\.html|$))': { target: daemon, changeOrigin: false } } },
  test: { include: ['src/**/*.test.ts'] },
} as Parameters<typeof defineConfig>[0])
