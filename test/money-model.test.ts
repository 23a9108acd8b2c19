import { appendFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { steps } from './money-model/commands.js'
import { World } from './money-model/world.js'

/**
 * Money cannot appear or vanish: two ends over a link with chaos, driven by hosts that do what hosts do. After each
 * step both ends must have what a trivial ledger has, no bound may be passed, and in the end the two balances must add
 * up to what `late-fulfill`, `hold-expired` and `money-unbooked` events have named.
 *
 * `npm run soak` runs more seeds, and longer ones.
 */
const SEEDS = Number(process.env['ILP_WRAP_SOAK_SEEDS'] ?? 5)
const STEPS = Number(process.env['ILP_WRAP_SOAK_STEPS'] ?? 1_000)
/** Where to leave a line for each seed, if anywhere. */
const REPORT = process.env['ILP_WRAP_SOAK_REPORT']
/** So many steps at most between the start of two ends and the sum that is drawn of them. */
const COURSE = 1_000

const WANTED = [
  'packet-rejected',
  'hold-expired',
  'late-fulfill',
  'money-unbooked',
  'settlement-sent',
  'settlement-suspended'
]

describe('two ends over a link with chaos', () => {
  it.each(Array.from({ length: SEEDS }, (_, index) => index + 1))(
    'agree with their books and with each other to the unit (seed %i)',
    { timeout: 180_000 + STEPS * 100 },
    async (seed) => {
      let done = 0
      let packets = 0
      const seen = new Map<string, number>()
      for (let run = 0; done < STEPS; run++) {
        const course = fc.asyncProperty(steps(COURSE), async (commands) => {
          const world = new World(seed)
          await world.start()
          await fc.asyncModelRun(() => ({ model: {}, real: world }), commands)
          await world.finish()
          done += [...commands].length
          packets += world.sent
          for (const [type, count] of world.seen) seen.set(type, (seen.get(type) ?? 0) + count)
        })
        // a failure is made shorter for so long, and no longer
        await fc.assert(course, { seed: seed * 1_000 + run, numRuns: 1, interruptAfterTimeLimit: 120_000 })
      }
      const line = { seed, steps: done, packets, events: Object.fromEntries(seen) }
      if (REPORT !== undefined) appendFileSync(REPORT, `${JSON.stringify(line)}\n`)
      // a course in which nothing goes wrong proves nothing
      for (const type of WANTED) expect(seen.get(type) ?? 0, type).toBeGreaterThan(0)
    }
  )

  it('pass no bound with 10,000 packets in flight from either end', { timeout: 240_000 }, async () => {
    const world = new World(1)
    await world.start()
    for (const end of world.ends) for (let i = 0; i < 6_000; i++) end.send(1n, 30_000, 'later')
    expect(world.ends.map((end) => end.snapshot().holdsOut)).toEqual([5_000n, 5_000n])
    await world.check()
    await world.advance(100)
    await world.check()
    await world.finish()
    expect(world.sent).toBe(12_000)
  })
})
