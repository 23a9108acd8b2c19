import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Tests run on the sources, without a build: packages export them under this condition.
const conditions = ['@ilp-wrap/source', 'node', 'import', 'default']

/** Sources that are not held to 100 % of lines and branches, each with its reason. There are no others. */
const exceptions: Record<string, string> = {
  'packages/ilp-wrap/src/bin.ts': 'runs in child processes only, where the tests of the command start it'
}

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['@ilp-wrap/source'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    allowOnly: false,
    // no test measures a time; this ends what hangs, on a busy machine, too
    testTimeout: 120_000,
    // real plugins and servers are waited for, so there is room for one more than there are cores
    maxWorkers: availableParallelism() + 1,
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      exclude: Object.keys(exceptions),
      reporter: ['text', 'json-summary'],
      thresholds: { lines: 100, branches: 100 }
    }
  }
})
