import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Budget } from '../src/budget.js'

const values = { tokens: 10, perSuccess: 0.1 }

describe('the budget of retries', () => {
  it('lets ten retries through in a row, and no eleventh', () => {
    const budget = new Budget(values)
    const taken = Array.from({ length: 11 }, () => budget.take())
    expect(taken).toEqual([...Array.from({ length: 10 }, () => true), false])
  })

  it('gives a retry back for ten successes, and not for nine', () => {
    const budget = new Budget(values)
    while (budget.take());
    for (let i = 0; i < 9; i++) budget.succeed()
    expect(budget.take()).toBe(false)
    budget.succeed()
    expect(budget.take()).toBe(true)
    expect(budget.take()).toBe(false)
  })

  it('never holds more than it began with', () => {
    const budget = new Budget(values)
    for (let i = 0; i < 1000; i++) budget.succeed()
    expect(budget.tokens).toBe(10)
  })

  it('grants exactly what tokens and successes pay for, over any sequence', () => {
    const sequence = fc.array(fc.boolean(), { maxLength: 2000 })
    fc.assert(
      fc.property(
        sequence,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 3000 }),
        (steps, tokens, part) => {
          const budget = new Budget({ tokens, perSuccess: part / 1000 })
          let left = tokens * 1000
          for (const isTake of steps) {
            if (isTake) {
              const granted = left >= 1000
              if (budget.take() !== granted) return false
              if (granted) left -= 1000
            } else {
              budget.succeed()
              left = Math.min(tokens * 1000, left + part)
            }
          }
          return budget.tokens === left / 1000
        }
      )
    )
  })
})
