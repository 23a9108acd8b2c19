import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Waiters } from '../src/waiters.js'

describe('the waiting packets', () => {
  it('are bounded by count', () => {
    const waiters = new Waiters(2, undefined)
    expect([waiters.enter(1n), waiters.enter(1n), waiters.enter(1n)]).toEqual([true, true, false])
    waiters.leave(1n)
    expect(waiters.enter(10n ** 30n)).toBe(true)
  })

  it('are bounded by the sum of their amounts', () => {
    const waiters = new Waiters(100, 10n)
    expect([waiters.enter(6n), waiters.enter(5n), waiters.enter(4n), waiters.enter(0n)]).toEqual([
      true,
      false,
      true,
      true
    ])
  })

  it('never exceed a bound, and leave nothing behind, over any coming and going', () => {
    const moves = fc.array(fc.record({ enter: fc.boolean(), amount: fc.bigInt({ min: 0n, max: 20n }) }))
    fc.assert(
      fc.property(moves, fc.integer({ min: 0, max: 5 }), fc.bigInt({ min: 0n, max: 50n }), (steps, count, amount) => {
        const waiters = new Waiters(count, amount)
        const inside: bigint[] = []
        const sum = (): bigint => inside.reduce((a, b) => a + b, 0n)
        for (const step of steps) {
          if (step.enter) {
            const fits = inside.length < count && sum() + step.amount <= amount
            if (waiters.enter(step.amount) !== fits) return false
            if (fits) inside.push(step.amount)
          } else {
            const leaving = inside.pop()
            if (leaving !== undefined) waiters.leave(leaving)
          }
          if (waiters.count !== inside.length || waiters.amount !== sum()) return false
        }
        return true
      })
    )
  })
})
