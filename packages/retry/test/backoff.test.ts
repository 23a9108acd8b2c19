import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs } from '../src/backoff.js'

const values = { baseMs: 100, maxMs: 2000 }
const highest = (): number => 1

describe('backoff', () => {
  it('doubles its bound with each attempt, up to the maximum', () => {
    const bounds = [1, 2, 3, 4, 5, 6, 7].map((attempt) => backoffMs(attempt, values, highest))
    expect(bounds).toEqual([100, 200, 400, 800, 1600, 2000, 2000])
  })

  it('waits anything from nothing to its bound: full jitter', () => {
    expect(backoffMs(3, values, () => 0)).toBe(0)
    expect(backoffMs(3, values, () => 0.25)).toBe(100)
  })

  it('stays within the bound of any attempt, for any values and chance', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 0, max: 1e9 }),
        fc.integer({ min: 0, max: 1e9 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempt, baseMs, maxMs, chance) => {
          const ms = backoffMs(attempt, { baseMs, maxMs }, () => chance)
          // a plugin that is down for long makes attempts by the thousand: 0 × 2^1024 was no number once
          return ms >= 0 && ms <= maxMs && (baseMs > 0 || ms === 0)
        }
      )
    )
  })

  it('never lowers its bound from one attempt to the next', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: 1e6 }), (attempt, baseMs) => {
        const bound = (n: number): number => backoffMs(n, { baseMs, maxMs: 1e9 }, highest)
        return bound(attempt + 1) >= bound(attempt)
      })
    )
  })
})
