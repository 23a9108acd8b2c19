import { afterAll, describe, expect, it } from 'vitest'
import { conformanceCases, referenceFactory, runConformance } from '../src/index.js'
import type { Factory, ReferencePlugin } from '../src/index.js'
import { mutants } from './mutants.js'
import type { Mutant, Patient } from './mutants.js'

const supports = { recovers: true, expiry: true }

function factoryOf(mutant: Mutant): Factory {
  // a connection takes a moment, so that there is something to be wrong about while it is made
  const good = referenceFactory({ connectMs: 2 })
  return async () => {
    const subject = (await good()) as Patient
    const { plugin, peer, network, build } = subject
    const patient = { ...subject, plugin, peer, network: { ...network }, build }
    mutant.breaks(patient)
    return patient
  }
}

describe('the conformance suite', () => {
  const found = new Set<string>()

  for (const mutant of mutants) {
    it(`finds a plugin that ${mutant.name}`, async () => {
      const results = await runConformance(factoryOf(mutant), { supports, timeoutMs: 200, quietMs: 4 })
      const failed = results.filter(({ status }) => status === 'failed')
      // the reference plugin leaves expiry to the middleware for it
      const expected = mutant.clauses
      console.log(mutant.name, failed.map(f => f.clause + ' ' + f.title + ': ' + f.reason?.slice(0, 100)))
      for (const { clause, title } of failed) found.add(`${clause} ${title}`)
      expect([...new Set(failed.map(({ clause }) => clause))]).toEqual(expected)
    })
  }

  afterAll(() => {
    const all = conformanceCases(referenceFactory(), { supports }).map(({ clause, title }) => `${clause} ${title}`)
    console.log('NOT FOUND', all.filter((name) => !found.has(name)))
  })
})

export type { ReferencePlugin }
