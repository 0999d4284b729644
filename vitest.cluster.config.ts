import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/cluster/**/*.cluster.ts'],
    globalSetup: ['test/cluster/support/programs-setup.ts'],
    // Every test by its name, so that a skipped one says what it wants.
    reporters: ['verbose'],
    // One cluster at a time: each wants the whole machine.
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    // Where a file says so: most of a slow fault is waiting.
    maxConcurrency: 16,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    teardownTimeout: 60_000,
  },
});
