import { badOption, integer } from '@ilp-wrap/core/options'

/** How many packets may pass: `capacity` at once, and `refillCount` more every `refillMs`, evenly spread. */
export interface Limits {
  readonly capacity: number
  readonly refillCount: number
  /** Milliseconds. */
  readonly refillMs: number
}

/**
 * Limits in whole numbers. Time is counted in microseconds, and a token in units, as many as let each microsecond bring
 * a whole number of them: nothing is ever rounded, so nothing drifts, however often the bucket is asked.
 */
export class Rate {
  readonly limits: Limits
  /** Units of one token. */
  readonly token: number
  /** Units that a microsecond brings. */
  readonly perMicrosecond: number
  /** Units of a full bucket. */
  readonly full: number

  /** Throws InvalidFieldsError, with `path` as the name, unless all three are whole numbers from 1. */
  constructor(limits: Limits, path: string) {
    const capacity = integer(`${path}.capacity`, limits.capacity, { min: 1 })
    const refillCount = integer(`${path}.refillCount`, limits.refillCount, { min: 1 })
    const refillMs = integer(`${path}.refillMs`, limits.refillMs, { min: 1, max: MAX_REFILL_MS })
    const divisor = greatestCommonDivisor(refillCount, refillMs * 1000)
    this.limits = { capacity, refillCount, refillMs }
    this.token = (refillMs * 1000) / divisor
    this.perMicrosecond = refillCount / divisor
    this.full = capacity * this.token
    if (this.full <= Number.MAX_SAFE_INTEGER) return
    // beyond, a sum of units would be rounded
    const most = Math.floor(Number.MAX_SAFE_INTEGER / this.token)
    badOption(`${path}.capacity`, `at most ${most} with a refill of ${refillCount} in ${refillMs} ms`, capacity)
  }
}

/** A bucket of tokens that starts full. It knows numbers alone; `now` is a monotonic time in milliseconds. */
export class TokenBucket {
  #rate: Rate
  /** Units there were at `#since`. */
  #level: number
  /** Microseconds up to which the refill has been counted. */
  #since: number

  constructor(rate: Rate, now: number) {
    this.#rate = rate
    this.#level = rate.full
    this.#since = Math.ceil(now * 1000)
  }

  get rate(): Rate {
    return this.#rate
  }

  /** Takes a token if there is one. */
  take(now: number): boolean {
    this.#refill(now)
    const { token } = this.#rate
    if (this.#level < token) return false
    this.#level -= token
    return true
  }

  /** Whole milliseconds until `count` tokens will have come, 0 if they are there. It may be more than the capacity. */
  waitMs(now: number, count: number): number {
    this.#refill(now)
    const missing = count * this.#rate.token - this.#level
    if (missing <= 0) return 0
    const due = this.#since + Math.ceil(missing / this.#rate.perMicrosecond)
    return Math.max(1, Math.ceil((due - now * 1000) / 1000))
  }

  /** Whole tokens in it. */
  tokens(now: number): number {
    this.#refill(now)
    return Math.floor(this.#level / this.#rate.token)
  }

  /** A full bucket is as good as a new one. */
  isFull(now: number): boolean {
    this.#refill(now)
    return this.#level === this.#rate.full
  }

  /** From now on other limits hold. The tokens stay, as far as they fit; a part of a token is rounded down. */
  setRate(rate: Rate, now: number): void {
    this.#refill(now)
    const level = (BigInt(this.#level) * BigInt(rate.token)) / BigInt(this.#rate.token)
    this.#rate = rate
    this.#level = level > BigInt(rate.full) ? rate.full : Number(level)
    this.#since = Math.max(this.#since, Math.ceil(now * 1000))
  }

  /**
   * Counts whole microseconds only, and leaves the rest for the next time. A bucket that is full loses that rest, as it
   * would lose it had it been asked then: what is stored is never more than what a bucket without roundings would hold.
   */
  #refill(now: number): void {
    const passed = now * 1000 - this.#since
    if (passed <= 0) return
    const { full, perMicrosecond } = this.#rate
    // a sum too great to be exact is far beyond a full bucket, too
    if (this.#level + passed * perMicrosecond >= full) {
      this.#level = full
      this.#since = Math.ceil(now * 1000)
      return
    }
    const whole = Math.floor(passed)
    this.#level += whole * perMicrosecond
    this.#since += whole
  }
}

/** A year; beyond, microseconds could not be counted exactly. */
const MAX_REFILL_MS = 366 * 86_400_000

function greatestCommonDivisor(a: number, b: number): number {
  let [great, small] = [a, b]
  while (small > 0) [great, small] = [small, great % small]
  return great
}
