import { EventEmitter } from 'node:events'
import { wrap } from '@ilp-wrap/core'
import { describe, expect, it } from 'vitest'
import { conformanceCases, referenceFactory } from '../src/index.js'
import type { ConformanceCase, ConformanceOptions } from '../src/index.js'
import { failures } from './failures.js'
import { wrappedMutants } from './wrapped-mutants.js'

/** The cases that there are only for what is wrapped. */
function wrappedOnly(options: ConformanceOptions): ConformanceCase[] {
  const bare = new Set(conformanceCases(referenceFactory()).map(nameOf))
  return conformanceCases(referenceFactory(), options).filter((each) => !bare.has(nameOf(each)))
}

function nameOf({ clause, title }: ConformanceCase): string {
  return `${clause} ${title}`
}

// some mutants have more listeners than node likes: the suite is to find that, not the console
EventEmitter.defaultMaxListeners = 100

describe('the conformance suite', () => {
  const found = new Set<string>()

  it.each(wrappedMutants.map((mutant) => [mutant.name, mutant] as const))(
    'finds a wrapped plugin that %s',
    async (_, mutant) => {
      const failed = await failures(mutant.clauses, (timeoutMs) => {
        return wrappedOnly({ wrap: mutant.wrap, supports: mutant.supports ?? {}, timeoutMs })
      })
      for (const each of failed) found.add(nameOf(each))
      expect([...new Set(failed.map(({ clause }) => clause))]).toEqual(mutant.clauses)
    }
  )

  it('has no case for wrapped plugins that finds nothing', () => {
    const all = wrappedOnly({ wrap: (plugin) => wrap(plugin, []) }).map(nameOf)
    expect(all.filter((name) => !found.has(name))).toEqual([])
  })
})
