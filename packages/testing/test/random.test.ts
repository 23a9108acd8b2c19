import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Random } from '../src/index.js'

function first(seed: number, count: number): number[] {
  const random = new Random(seed)
  return Array.from({ length: count }, () => random.next())
}

describe('Random', () => {
  it('gives the same numbers for the same seed, on any machine', () => {
    expect(first(1, 3)).toEqual([0.6270739405881613, 0.002735721180215478, 0.5274470399599522])
    expect(first(7, 100)).toEqual(first(7, 100))
  })

  it('gives others for another seed', () => {
    expect(first(1, 10)).not.toEqual(first(2, 10))
  })

  it('stays within the bounds that it is given', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 1000 }), (seed, bound) => {
        const random = new Random(seed)
        for (let i = 0; i < 20; i++) {
          const draws = [random.next(), random.below(bound), random.between(-bound, bound)] as const
          expect(draws[0] >= 0 && draws[0] < 1).toBe(true)
          expect(Number.isInteger(draws[1]) && draws[1] >= 0 && draws[1] < bound).toBe(true)
          expect(draws[2] >= -bound && draws[2] < bound).toBe(true)
        }
      })
    )
  })

  it('spreads evenly', () => {
    const random = new Random(5)
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 40_000; i++) counts[random.pick([0, 1, 2, 3])]!++
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500)
  })
})
