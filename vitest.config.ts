import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Tests import the compiled program, the same files users run, worker threads included.
    server: { deps: { external: [/\/dist\//] } },
    pool: "forks",
    // Each uses all cores, but some wait for a queue, a server or a browser: a third keeps two cores busy.
    maxWorkers: 3,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
