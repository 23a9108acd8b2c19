import { describe, expect, it } from 'vitest'
import { conformanceCases, referenceFactory } from '../src/index.js'
import type { Factory } from '../src/index.js'
import { failures } from './failures.js'
import { mutants } from './mutants.js'
import type { Mutant, Patient } from './mutants.js'

/** Makes reference plugins that are broken in one way. */
function factoryOf(mutant: Mutant): Factory {
  // a connection takes a moment, so that there is something to be wrong about while it is made
  const good = referenceFactory({ connectMs: 2 })
  return async () => {
    const subject = (await good()) as Patient
    const patient = { ...subject, network: { ...subject.network } }
    mutant.breaks(patient)
    return patient
  }
}

describe('the conformance suite', () => {
  const found = new Set<string>()

  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))('finds a plugin that %s', async (_, mutant) => {
    const supports = { recovers: true, expiry: mutant.expiry === true }
    const failed = await failures(mutant.clauses, (timeoutMs) => {
      return conformanceCases(factoryOf(mutant), { supports, timeoutMs, quietMs: 4 })
    })
    for (const { clause, title } of failed) found.add(`${clause} ${title}`)
    expect([...new Set(failed.map(({ clause }) => clause))]).toEqual(mutant.clauses)
  })

  it('has no case that finds nothing', () => {
    const all = conformanceCases(referenceFactory()).map(({ clause, title }) => `${clause} ${title}`)
    expect(all.filter((name) => !found.has(name))).toEqual([])
  })
})
