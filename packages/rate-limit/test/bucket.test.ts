import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Rate, TokenBucket } from '../src/bucket.js'
import type { Limits } from '../src/bucket.js'

const rate = (capacity: number, refillCount: number, refillMs: number): Rate =>
  new Rate({ capacity, refillCount, refillMs }, 'limits')

const anyLimits: fc.Arbitrary<Limits> = fc.record({
  capacity: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 1000 })),
  refillCount: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 20_000 })),
  refillMs: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 100_000 }))
})

interface Step {
  /** Units of time since the step before. */
  wait: number
  /** How often the bucket is asked now. */
  takes: number
}

/** Most pauses are near the time of one token, some fill the bucket; a burst may empty it. */
const steps = (limits: Limits, unit: number): fc.Arbitrary<Step[]> => {
  const token = Math.max(1, Math.ceil((limits.refillMs * unit) / limits.refillCount))
  return fc.array(
    fc.record({
      wait: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 0, max: 2 * token }) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 * token * limits.capacity }) }
      ),
      takes: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 1, max: 3 }) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: limits.capacity + 3 }) }
      )
    }),
    { minLength: 1, maxLength: 100 }
  )
}

const limitsAndSteps = (unit: number): fc.Arbitrary<[Limits, Step[]]> =>
  anyLimits.chain((limits) => fc.tuple(fc.constant(limits), steps(limits, unit)))

interface Attempt {
  /** In units of time, of which `unit` are a millisecond. */
  at: bigint
  granted: boolean
  /** Whether the bucket was full just before. */
  full: boolean
}

function attempts(limits: Limits, steps: Step[], unit: number): Attempt[] {
  const bucket = new TokenBucket(new Rate(limits, 'limits'), 0)
  let at = 0
  return steps.flatMap(({ wait, takes }) => {
    at += wait
    return Array.from({ length: takes }, () => {
      const full = bucket.isFull(at / unit)
      return { at: BigInt(at), granted: bucket.take(at / unit), full }
    })
  })
}

const NANOSECONDS = 1_000_000

describe('a token bucket, over any sequence of times and takes', () => {
  // In whole numbers: granted · refill ≤ capacity · refill + elapsed · refillCount, the refill in units of time.
  it.each([
    ['whole milliseconds', 1],
    ['nanoseconds', NANOSECONDS]
  ])('never grants more than capacity + elapsed · rate in any interval (%s)', (_, unit) => {
    let exhausted = 0
    fc.assert(
      fc.property(limitsAndSteps(unit), ([limits, steps]) => {
        const refill = BigInt(limits.refillMs) * BigInt(unit)
        // of all intervals that end here, the one that was granted most beyond its refill
        let surplus = 0n
        let last = 0n
        for (const { at, granted } of attempts(limits, steps, unit)) {
          surplus -= (at - last) * BigInt(limits.refillCount)
          if (surplus < 0n) surplus = 0n
          last = at
          if (granted) surplus += refill
          if (surplus > BigInt(limits.capacity) * refill) expect.fail('granted too much')
          if (surplus > BigInt(limits.capacity - 1) * refill) exhausted++
        }
      }),
      { numRuns: 1000 }
    )
    expect(exhausted).toBeGreaterThan(1000)
  })

  // Times with fractions are counted in whole microseconds: one may be missing at either end.
  it.each([
    ['whole milliseconds', 1, 0n],
    ['nanoseconds, but for 2 µs', NANOSECONDS, 2000n]
  ])('grants all but less than one token of that, from when it was full until it refuses (%s)', (_, unit, slack) => {
    let refusals = 0
    fc.assert(
      fc.property(limitsAndSteps(unit), ([limits, steps]) => {
        const refill = BigInt(limits.refillMs) * BigInt(unit)
        let start = 0n
        let count = 0n
        for (const { at, granted, full } of attempts(limits, steps, unit)) {
          if (full) {
            start = at
            count = 0n
          }
          if (granted) {
            count++
            continue
          }
          refusals++
          const due = BigInt(limits.capacity) * refill + (at - start - slack) * BigInt(limits.refillCount)
          if (count * refill <= due - refill) expect.fail('granted too little')
        }
      }),
      { numRuns: 1000 }
    )
    expect(refusals).toBeGreaterThan(1000)
  })

  it('says how long to wait: a millisecond before, there is nothing yet', () => {
    fc.assert(
      fc.property(limitsAndSteps(1), fc.integer({ min: 1, max: 5 }), ([limits, steps], count) => {
        const bucket = new TokenBucket(new Rate(limits, 'limits'), 0)
        let at = 0
        for (const { wait } of steps) {
          at += wait
          while (bucket.take(at));
          const waitMs = bucket.waitMs(at, count)
          expect(Number.isInteger(waitMs) && waitMs >= 1).toBe(true)
          if (count > limits.capacity) continue
          at += waitMs - 1
          expect(bucket.tokens(at)).toBeLessThan(count)
          expect(bucket.tokens(++at)).toBeGreaterThanOrEqual(count)
          expect(bucket.waitMs(at, count)).toBe(0)
        }
      })
    )
  })
})

describe('a token bucket', () => {
  // rafiki's bucket rounds the refill of each call down while it moves its clock on: asked 200 times a second, it lets
  // its first 10,000 through, and then nothing more (interledgerjs/rafiki, packages/rafiki-utils/src/token-bucket.ts).
  it('does not starve when it is asked more often than a token comes', () => {
    const bucket = new TokenBucket(rate(10_000, 10_000, 60_000), 0)
    let granted = 0
    for (let ms = 0; ms < 600_000; ms += 5) if (bucket.take(ms)) granted++
    // 10,000 at once and 166.66 a second, 599.995 s long
    expect(granted).toBe(10_000 + 99_999)
  })

  it('does not count an idle time twice: after a long one, it holds its capacity and no more', () => {
    const bucket = new TokenBucket(rate(5, 1, 1000), 0)
    const burst = (at: number): number => {
      let granted = 0
      while (bucket.take(at)) granted++
      return granted
    }
    expect(burst(0)).toBe(5)
    expect(burst(1e12)).toBe(5)
    expect(burst(1e12 + 999)).toBe(0)
    expect(burst(1e12 + 1000)).toBe(1)
  })

  it('counts no time at all when a clock goes back', () => {
    const bucket = new TokenBucket(rate(2, 1, 10), 1000)
    expect([bucket.take(1000), bucket.take(1000), bucket.take(990)]).toEqual([true, true, false])
    expect([bucket.take(1009), bucket.take(1010), bucket.take(1000)]).toEqual([false, true, false])
    expect(bucket.waitMs(1012, 1)).toBe(8)
    const full = new TokenBucket(rate(2, 1, 10), 1000)
    expect([full.take(980), full.take(980), full.take(980)]).toEqual([true, true, false])
  })

  it('keeps its tokens when its limits change, as far as they fit', () => {
    const bucket = new TokenBucket(rate(10, 1, 100), 0)
    for (let i = 0; i < 4; i++) bucket.take(0)
    bucket.setRate(rate(20, 3, 7), 0)
    expect(bucket.tokens(0)).toBe(6)
    bucket.setRate(rate(2, 1, 100), 0)
    expect(bucket.tokens(0)).toBe(2)
    expect(bucket.isFull(0)).toBe(true)
    // what had come by the old rate stays, what comes from now on comes by the new one
    bucket.take(0)
    bucket.setRate(rate(10, 1, 10), 50)
    expect(bucket.tokens(54)).toBe(1)
    expect(bucket.tokens(55)).toBe(2)
  })

  it('never makes a token of a change of limits', () => {
    fc.assert(
      fc.property(anyLimits, anyLimits, fc.nat(50), fc.nat(100_000), (before, after, takes, ms) => {
        const bucket = new TokenBucket(new Rate(before, 'limits'), 0)
        for (let i = 0; i < takes; i++) bucket.take(0)
        const tokens = bucket.tokens(ms)
        bucket.setRate(new Rate(after, 'limits'), ms)
        expect(bucket.tokens(ms)).toBe(Math.min(tokens, after.capacity))
      })
    )
  })
})

describe('the limits of a bucket', () => {
  it.each([
    [{ capacity: 0 }, 'Expected `limits.capacity` to be a whole number, at least 1, got `0` (number)'],
    [{ capacity: 1.5 }, 'Expected `limits.capacity` to be a whole number, at least 1, got `1.5` (number)'],
    [{ refillCount: -1 }, 'Expected `limits.refillCount` to be a whole number, at least 1, got `-1` (number)'],
    [
      { refillMs: '1000' },
      'Expected `limits.refillMs` to be a whole number from 1 to 31622400000, got `1000` (string)'
    ],
    [
      { capacity: 1e9, refillCount: 7, refillMs: 86_400_000 },
      'Expected `limits.capacity` to be at most 104249 with a refill of 7 in 86400000 ms, got `1000000000` (number)'
    ]
  ])('are refused when they cannot be counted: %j', (wrong, message) => {
    const limits = { capacity: 1, refillCount: 1, refillMs: 1, ...wrong } as Limits
    expect(() => new Rate(limits, 'limits')).toThrow(message)
  })

  it('may be large where they have a common measure', () => {
    const bucket = new TokenBucket(rate(1e9, 1e6, 86_400_000), 0)
    expect(bucket.tokens(0)).toBe(1e9)
  })
})
