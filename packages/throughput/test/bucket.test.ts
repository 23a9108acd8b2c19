import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AmountBucket, Rate } from '../src/bucket.js'

const rate = (amount: bigint, refillMs: number, burst: bigint): Rate => new Rate({ amount, refillMs, burst }, 'limits')

interface Given {
  amount: bigint
  refillMs: number
  burst: bigint
}

const amounts = fc.oneof(
  fc.bigInt({ min: 1n, max: 50n }),
  fc.bigInt({ min: 1n, max: 10n ** 9n }),
  fc.bigInt({ min: 1n, max: 2n ** 64n - 1n })
)

const anyLimits: fc.Arbitrary<Given> = fc.record({
  amount: amounts,
  refillMs: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 100_000 })),
  burst: amounts
})

interface Step {
  /** Units of time since the step before. */
  wait: bigint
  /** Base units that are asked for. */
  amount: bigint
}

/** Parts of the burst, as most questions are to be near what is there; pauses near the time that a part takes. */
const steps = ({ amount, refillMs, burst }: Given, unit: bigint): fc.Arbitrary<Step[]> => {
  const share = fc.oneof(fc.nat(100), fc.constantFrom(0, 1, 33, 50, 99, 100, 101))
  const time = (burst * BigInt(refillMs) * unit) / amount
  return fc.array(
    fc.record({
      wait: fc.oneof(
        fc.bigInt({ min: 0n, max: 3n * unit }),
        share.map((percent) => (time * BigInt(percent)) / 300n)
      ),
      amount: share.map((percent) => (burst * BigInt(percent)) / 100n + BigInt(percent % 2))
    }),
    { minLength: 1, maxLength: 60 }
  )
}

const limitsAndSteps = (unit: bigint): fc.Arbitrary<[Given, Step[]]> =>
  anyLimits
    // no longer than clocks go: a year
    .filter(({ amount, refillMs, burst }) => (burst * BigInt(refillMs)) / amount < 500_000_000n)
    .chain((limits) => fc.tuple(fc.constant(limits), steps(limits, unit)))

/** Exact time as the milliseconds of a clock, and back as the exact time that this number stands for. */
function clockTime(at: bigint, unit: bigint): number {
  return Number(at / unit) + Number(at % unit) / Number(unit)
}

describe('a bucket of amounts, over any sequence of times and takes', () => {
  // In whole numbers: granted · refill ≤ burst · refill + elapsed · amount, the refill in units of time.
  it.each([
    ['whole milliseconds', 1n],
    ['fractions of 1/8 of a microsecond', 8000n]
  ])('never grants more than burst + elapsed · rate in any window (%s)', (_, unit) => {
    let refused = 0
    fc.assert(
      fc.property(limitsAndSteps(unit), ([limits, steps]) => {
        const bucket = new AmountBucket(new Rate(limits, 'limits'), 0)
        const refill = BigInt(limits.refillMs) * unit
        let at = 0n
        // of all windows that end here, the one that was granted most beyond its refill
        let surplus = 0n
        for (const { wait, amount } of steps) {
          at += wait
          surplus -= wait * limits.amount
          if (surplus < 0n) surplus = 0n
          if (bucket.take(amount, clockTime(at, unit))) surplus += amount * refill
          else refused++
          expect(surplus <= limits.burst * refill).toBe(true)
        }
      }),
      { numRuns: 500 }
    )
    expect(refused).toBeGreaterThan(1000)
  })

  // A bucket without roundings, in whole numbers. Ours may be poorer by what one microsecond brings, and never by more:
  // where the clock shows whole microseconds, by nothing.
  it.each([
    ['whole milliseconds', 1n, 0n],
    ['fractions of 1/8 of a microsecond, but for 1 µs', 8000n, 8n]
  ])('never refuses what such a bucket would still have had (%s)', (_, unit, slack) => {
    let granted = 0
    fc.assert(
      fc.property(limitsAndSteps(unit), ([limits, steps]) => {
        const bucket = new AmountBucket(new Rate(limits, 'limits'), 0)
        const refill = BigInt(limits.refillMs) * unit
        const full = limits.burst * refill
        let at = 0n
        // what is there at least, in parts of which `refill` are a base unit
        let level = full
        for (const { wait, amount } of steps) {
          at += wait
          level += wait * limits.amount
          if (level > full) level = full
          const parts = amount * refill
          if (bucket.take(amount, clockTime(at, unit))) {
            granted++
            level -= parts
          } else {
            expect(level - parts < 2n * slack * limits.amount).toBe(true)
          }
        }
      }),
      { numRuns: 500 }
    )
    expect(granted).toBeGreaterThan(1000)
  })

  it('says how long to wait: a millisecond before, it is not there yet', () => {
    fc.assert(
      fc.property(limitsAndSteps(1n), ([limits, steps]) => {
        const bucket = new AmountBucket(new Rate(limits, 'limits'), 0)
        let at = 0
        for (const { wait, amount } of steps) {
          at += Number(wait)
          const waitMs = bucket.waitMs(amount, at)
          if (amount > limits.burst) {
            expect(waitMs).toBe(Infinity)
            continue
          }
          if (waitMs > 0) {
            expect(bucket.take(amount, at + waitMs - 1)).toBe(false)
            expect(bucket.available(at + waitMs - 1) < amount).toBe(true)
          }
          at += waitMs
          expect(bucket.available(at) >= amount).toBe(true)
          expect(bucket.take(amount, at)).toBe(true)
        }
      })
    )
  })

  it('has back what was given back, and never more than the burst', () => {
    fc.assert(
      fc.property(limitsAndSteps(1n), ([limits, steps]) => {
        const bucket = new AmountBucket(new Rate(limits, 'limits'), 0)
        const taken: bigint[] = []
        let at = 0
        for (const [i, { wait, amount }] of steps.entries()) {
          at += Number(wait)
          if (bucket.take(amount, at)) taken.push(amount)
          if (i % 3 > 0 || taken.length === 0) continue
          const before = bucket.available(at)
          const back = taken.shift()!
          bucket.giveBack(back)
          const after = before + back
          expect(bucket.available(at)).toBe(after > limits.burst ? limits.burst : after)
        }
      })
    )
  })

  it('never makes a base unit of a change of limits', () => {
    fc.assert(
      fc.property(anyLimits, anyLimits, fc.nat(100), fc.nat(100_000), (before, after, percent, ms) => {
        const bucket = new AmountBucket(new Rate(before, 'limits'), 0)
        bucket.take((before.burst * BigInt(percent)) / 100n, 0)
        const available = bucket.available(ms)
        bucket.setRate(new Rate(after, 'limits'), ms)
        expect(bucket.available(ms)).toBe(available > after.burst ? after.burst : available)
      })
    )
  })
})

describe('a bucket of amounts', () => {
  // ilp-connector reads amounts by Number(): above 2^53 neighbours become one (src/middlewares/throughput.ts).
  it('counts to the last unit of a UInt64', () => {
    const most = 2n ** 64n - 1n
    const bucket = new AmountBucket(rate(1n, 1, most), 0)
    expect([bucket.take(most - 1n, 0), bucket.take(2n, 0), bucket.take(1n, 0), bucket.take(1n, 0)]).toEqual([
      true,
      false,
      true,
      false
    ])
    expect([bucket.available(1), bucket.take(2n, 1), bucket.take(1n, 1)]).toEqual([1n, false, true])
  })

  // rafiki's bucket rounds the refill of each call down while it moves its clock on: asked often enough, it gives its
  // burst and then nothing more (interledgerjs/rafiki, packages/rafiki-utils/src/token-bucket.ts).
  it('does not starve when it is asked more often than a unit comes', () => {
    const bucket = new AmountBucket(rate(10_000n, 60_000, 10_000n), 0)
    let granted = 0
    for (let ms = 0; ms < 600_000; ms += 5) if (bucket.take(1n, ms)) granted++
    // 10,000 at once and 166.66 a second, 599.995 s long
    expect(granted).toBe(10_000 + 99_999)
  })

  it('holds its burst and no more after an idle time, and what comes in less than a microsecond does not count', () => {
    const bucket = new AmountBucket(rate(1000n, 1, 1000n), 0.0005)
    expect([bucket.take(1001n, 1e9), bucket.take(1000n, 1e9)]).toEqual([false, true])
    expect([bucket.take(1n, 1e9 + 0.0005), bucket.take(1n, 1e9 + 0.001)]).toEqual([false, true])
  })

  it('is full at any time to begin with, and gives nothing more when a clock goes back', () => {
    for (const start of [-5000, 0, 1e12]) {
      const bucket = new AmountBucket(rate(1n, 10, 2n), start)
      expect(bucket.available(start)).toBe(2n)
      expect([bucket.take(2n, start), bucket.take(1n, start - 1000), bucket.take(1n, start + 9)]).toEqual([
        true,
        false,
        false
      ])
      expect(bucket.take(1n, start + 10)).toBe(true)
    }
  })

  it('keeps what is in it when its limits change, as far as it fits', () => {
    const bucket = new AmountBucket(rate(1n, 100, 10n), 0)
    bucket.take(4n, 0)
    bucket.setRate(rate(3n, 7, 20n), 0)
    expect(bucket.available(0)).toBe(6n)
    bucket.setRate(rate(1n, 100, 2n), 0)
    expect(bucket.available(0)).toBe(2n)
    // what had come by the old rate stays, what comes from now on comes by the new one
    bucket.take(1n, 0)
    bucket.setRate(rate(1n, 10, 10n), 50)
    expect([bucket.available(54), bucket.available(55)]).toEqual([1n, 2n])
  })
})

describe('the limits of a bucket', () => {
  it.each([
    [{ amount: 0 }, 'Expected `limits.amount` to be at least 1, got `0` (number)'],
    [{ amount: 1.5 }, 'Expected `limits.amount` to be a bigint or an integer string, got `1.5` (number)'],
    [{ burst: '-1' }, 'Expected `limits.burst` to be at least 1, got `-1` (string)'],
    [{ refillMs: 0.5 }, 'Expected `limits.refillMs` to be a whole number, at least 1, got `0.5` (number)']
  ])('are refused when they cannot be counted: %j', (wrong, message) => {
    expect(() => new Rate({ amount: 1, ...wrong }, 'limits')).toThrow(message)
  })

  it('are per second, and as much at once as per time, unless told otherwise', () => {
    expect(new Rate({ amount: '500' }, 'limits')).toMatchObject({ amount: 500n, refillMs: 1000, burst: 500n })
  })

  it('stay where a change does not name them; a burst that was never given goes with the amount', () => {
    const derived = new Rate({ amount: 10 }, 'limits')
    expect(derived.with({ amount: 20 }, 'limits')).toMatchObject({ amount: 20n, refillMs: 1000, burst: 20n })
    const given = derived.with({ burst: 15, refillMs: 5 }, 'limits')
    expect(given).toMatchObject({ amount: 10n, refillMs: 5, burst: 15n })
    expect(given.with({ amount: 20 }, 'limits')).toMatchObject({ amount: 20n, refillMs: 5, burst: 15n })
  })
})
