import { amount, integer } from '@ilp-wrap/core/options'
import type { Amount } from '@ilp-wrap/core/options'

/** How much may pass: `burst` at once, and `amount` more every `refillMs`, evenly spread. */
export interface Limits {
  /** Base units. */
  readonly amount: Amount
  /** Milliseconds. Default: 1000. */
  readonly refillMs?: number
  /** Base units. Default: `amount`. */
  readonly burst?: Amount
}

export const LIMITS = ['amount', 'refillMs', 'burst'] as const

type Given = { readonly [K in keyof Limits]: Limits[K] | undefined }

/**
 * Limits in whole numbers. Time is counted in microseconds, and a base unit in parts, as many as let each microsecond
 * bring a whole number of them: nothing is ever rounded, so nothing drifts, and no amount is too large.
 */
export class Rate {
  readonly amount: bigint
  readonly refillMs: number
  readonly burst: bigint
  /** Parts of one base unit. */
  readonly unit: bigint
  /** Parts that a microsecond brings. */
  readonly perMicrosecond: bigint
  /** Parts of a full bucket. */
  readonly full: bigint
  /** Undefined: it is the amount. */
  readonly #ownBurst: bigint | undefined

  /** Throws InvalidFieldsError, with `path` as the name, unless all three are whole numbers from 1. */
  constructor(limits: Given, path: string) {
    this.amount = amount(`${path}.amount`, limits.amount, { min: 1n })
    this.refillMs = integer(`${path}.refillMs`, limits.refillMs ?? 1000, { min: 1 })
    this.#ownBurst = limits.burst === undefined ? undefined : amount(`${path}.burst`, limits.burst, { min: 1n })
    this.burst = this.#ownBurst ?? this.amount
    const refill = BigInt(this.refillMs) * 1000n
    const divisor = greatestCommonDivisor(this.amount, refill)
    this.unit = refill / divisor
    this.perMicrosecond = this.amount / divisor
    this.full = this.burst * this.unit
  }

  /** This rate with other limits. What is absent stays; a burst that was never given goes with the amount. */
  with(limits: Partial<Limits>, path: string): Rate {
    const { amount = this.amount, refillMs = this.refillMs, burst = this.#ownBurst } = limits
    return new Rate({ amount, refillMs, burst }, path)
  }
}

/**
 * A bucket that starts full. It knows numbers alone; `now` is a monotonic time in milliseconds.
 *
 * It remembers one number, the time at which it would be full if nothing more were taken (as the generic cell rate
 * algorithm does, ITU-T I.371): there is no level to bring up to date, and so no refill that could be rounded.
 */
export class AmountBucket {
  #rate: Rate
  /** When it is full again: the parts that will have come by then, since time zero. */
  #fullAt: bigint

  constructor(rate: Rate, now: number) {
    this.#rate = rate
    this.#fullAt = BigInt(Math.floor(now * 1000)) * rate.perMicrosecond
  }

  get rate(): Rate {
    return this.#rate
  }

  /** Takes base units if they are there. */
  take(units: bigint, now: number): boolean {
    const { unit, perMicrosecond, full } = this.#rate
    const microseconds = Math.floor(now * 1000)
    const since = BigInt(microseconds) * perMicrosecond
    const missing = this.#fullAt > since ? this.#fullAt - since : 0n
    const parts = units * unit
    if (missing + parts > full) return false
    // Part of a microsecond is counted in nobody's favour: what is there is rounded down, the time to refill begins late.
    const begin = microseconds < now * 1000 ? since + perMicrosecond : since
    this.#fullAt = (this.#fullAt > begin ? this.#fullAt : begin) + parts
    return true
  }

  /** Gives back what was taken; beyond the burst it is lost. */
  giveBack(units: bigint): void {
    this.#fullAt -= units * this.#rate.unit
  }

  /** Whole milliseconds until so many base units will be there, 0 if they are; `Infinity` if they never will. */
  waitMs(units: bigint, now: number): number {
    const { unit, perMicrosecond, full } = this.#rate
    const parts = units * unit
    if (parts > full) return Infinity
    const needed = this.#fullAt + parts - full
    const microseconds = needed > 0n ? (needed + perMicrosecond - 1n) / perMicrosecond : 0n
    return Math.max(0, Math.ceil((Number(microseconds) - now * 1000) / 1000))
  }

  /** Whole base units in it. */
  available(now: number): bigint {
    return this.#level(now) / this.#rate.unit
  }

  /** From now on other limits hold. What is in it stays, as far as it fits; a part of a base unit is rounded down. */
  setRate(rate: Rate, now: number): void {
    const level = (this.#level(now) * rate.unit) / this.#rate.unit
    this.#rate = rate
    this.#fullAt = BigInt(Math.ceil(now * 1000)) * rate.perMicrosecond
    if (level < rate.full) this.#fullAt += rate.full - level
  }

  /** Parts in it. */
  #level(now: number): bigint {
    const { perMicrosecond, full } = this.#rate
    const missing = this.#fullAt - BigInt(Math.floor(now * 1000)) * perMicrosecond
    return missing > 0n ? full - missing : full
  }
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [great, small] = [a, b]
  while (small > 0n) [great, small] = [small, great % small]
  return great
}
