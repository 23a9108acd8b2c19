import { badOption, callable, integer, known, string } from '@ilp-wrap/core/options'
import { RARE } from './case.js'
import type { BareCase, ConformanceCase, ConformanceOptions, Factory, Feature, WrappedCase } from './case.js'
import { bareCases, wrappedCases } from './cases.js'
import { runCase } from './run-case.js'

/** What a test framework gives: that of vitest, mocha, jest or node:test. */
export interface TestFramework {
  readonly describe: (title: string, define: () => void) => unknown
  readonly it: ((title: string, run: () => Promise<void>, timeoutMs?: number) => unknown) & {
    readonly skip?: (title: string, run: () => Promise<void>) => unknown
  }
}

export interface ConformanceResult {
  readonly clause: string
  readonly title: string
  readonly status: 'passed' | 'failed' | 'skipped'
  /** Why it was skipped, or in what it failed. */
  readonly reason?: string
  /** What a failed case rejected with. */
  readonly error?: unknown
}

const FEATURES: readonly Feature[] = [
  'peer',
  'money',
  'reconnect',
  'lose',
  'refuse',
  'silence',
  'build',
  'recovers',
  'expiry',
  'incomingExpiry'
]

/**
 * The clauses of the plugin interface as cases, ready to run over what `factory` makes.
 *
 * @throws InvalidFieldsError for a bad option, or a `skip` that names no case
 */
export function conformanceCases(factory: Factory, options: ConformanceOptions = {}): ConformanceCase[] {
  callable('factory', factory)
  known(options, ['wrap', 'supports', 'skip', 'timeoutMs', 'quietMs'])
  const { wrap, skip = {} } = options
  const manifest = known(options.supports, FEATURES, 'supports')
  const supports = (feature: Feature): boolean => manifest[feature] ?? !RARE.has(feature)
  const settings = {
    factory,
    wrap: wrap === undefined ? undefined : callable('wrap', wrap),
    timeoutMs: integer('timeoutMs', options.timeoutMs ?? 10_000, { min: 1 }),
    quietMs: integer('quietMs', options.quietMs ?? 5),
    supports
  }
  const definitions: (BareCase | WrappedCase)[] = [...bareCases, ...(wrap === undefined ? [] : wrappedCases)]
  const unused = new Set(Object.keys(skip))
  const cases = definitions.map((definition) => {
    const { clause, title, needs = [] } = definition
    const names = [clause, `${clause} ${title}`]
    for (const name of names) unused.delete(name)
    const reason = names.map((name) => skip[name]).find((each) => each !== undefined)
    const lacking = needs.filter((feature) => !supports(feature))
    const absence = lacking.length === 0 ? undefined : `does not support ${lacking.join(', ')}`
    return {
      clause,
      title,
      skip: reason === undefined ? absence : string(`skip.${clause}`, reason),
      run: () => runCase(definition, settings)
    }
  })
  for (const name of unused) badOption('skip', 'clauses, or clauses with the title of a case', name)
  return cases.sort((a, b) => Number(a.clause.slice(1)) - Number(b.clause.slice(1)))
}

/**
 * Defines a test per case, so that a plugin, or what is wrapped around one, is seen to keep the plugin interface.
 * Cases that are skipped say why in their title.
 */
export function conformance(framework: TestFramework, factory: Factory, options: ConformanceOptions = {}): void {
  const { describe, it } = framework
  const cases = conformanceCases(factory, options)
  const timeoutMs = 4 * (options.timeoutMs ?? 10_000)
  describe('the ledger plugin interface', () => {
    for (const { clause, title, skip, run } of cases) {
      const name = `${clause} ${title}`
      if (skip === undefined) {
        it(
          name,
          // mocha takes the time that a test may have in this way alone
          function (this: unknown) {
            ;(this as { timeout?: (ms: number) => void } | undefined)?.timeout?.(timeoutMs)
            return run()
          },
          timeoutMs
        )
      } else if (it.skip === undefined) {
        it(`${name} [skipped: ${skip}]`, () => Promise.resolve())
      } else {
        it.skip(`${name} [${skip}]`, run)
      }
    }
  })
}

/** Runs the cases one after the other, and tells what became of each. */
export async function runConformance(factory: Factory, options: ConformanceOptions = {}): Promise<ConformanceResult[]> {
  const results: ConformanceResult[] = []
  for (const { clause, title, skip, run } of conformanceCases(factory, options)) {
    if (skip !== undefined) {
      results.push({ clause, title, status: 'skipped', reason: skip })
      continue
    }
    try {
      await run()
      results.push({ clause, title, status: 'passed' })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      results.push({ clause, title, status: 'failed', reason, error })
    }
  }
  return results
}
