import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "./",
  build: {
    outDir: "../src/rs2sam2/serving/static",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0, // the server's content security policy takes files, not data in the page
    modulePreload: { polyfill: false },
    license: { fileName: "assets/licences.md" },
    chunkSizeWarningLimit: 1500, // MapLibre
  },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"] },
});
