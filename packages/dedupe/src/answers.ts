import type { Clock } from '@ilp-wrap/core'
import { LRUCache } from 'lru-cache'
import type { Printed } from './flights.js'
import { OVERHEAD_BYTES, covers } from './terms.js'
import type { Limits, Terms } from './terms.js'

export interface AnswersConfig extends Limits {
  /** Milliseconds that count of the time until the expiry, at most. */
  readonly maxHoldMs: number
  /** Milliseconds that an answer stays after that. */
  readonly graceMs: number
}

interface Answer extends Terms {
  readonly key: string
  /** Milliseconds since 1970. */
  readonly until: number
  /** The bytes of the fulfill. A Buffer might be a slice of something larger, and would keep all of it in memory. */
  readonly fulfill: string
}

/** The fulfills that are given again. */
export class Answers {
  readonly #config: AnswersConfig
  readonly #clock: Clock
  /** Made for the first answer, as it takes its room at once. */
  #cache: LRUCache<number, Answer> | undefined

  constructor(config: AnswersConfig, clock: Clock) {
    this.#config = config
    this.#clock = clock
  }

  get size(): number {
    return this.#cache?.size ?? 0
  }

  get bytes(): number {
    return this.#cache?.calculatedSize ?? 0
  }

  /** The fulfill of a prepare with this key that asked for as much, or more; a Buffer of the caller's own. */
  find(print: number, key: string, amount: bigint, expiresAt: number): Buffer | undefined {
    const answer = this.#cache?.get(print)
    if (answer?.key !== key || !covers(answer, amount, expiresAt)) return undefined
    return this.#isAlive(answer, this.#clock.now()) ? Buffer.from(answer.fulfill, 'latin1') : undefined
  }

  /**
   * Keeps a fulfill until the expiry and `graceMs` more. One that came too late is not kept (RFC 0027, "Terminology"),
   * nor is one that answers no packet which the one there does not answer. Of two keys with one print the later stays.
   */
  add({ print, key, amount, expiresAt }: Printed & Terms, fulfill: Buffer): void {
    const now = this.#clock.now()
    if (now >= expiresAt) return
    const { maxEntries, maxBytes, maxHoldMs, graceMs } = this.#config
    const cache = (this.#cache ??= new LRUCache({ max: maxEntries, maxSize: maxBytes, sizeCalculation: sizeOf }))
    const known = cache.peek(print)
    if (known?.key === key && covers(known, amount, expiresAt) && this.#isAlive(known, now)) return
    const until = Math.min(expiresAt, now + maxHoldMs) + graceMs
    cache.set(print, { key, amount, expiresAt, until, fulfill: fulfill.toString('latin1') })
  }

  /** Drops those whose time is over. */
  sweep(): void {
    const cache = this.#cache
    if (cache === undefined) return
    const now = this.#clock.now()
    const over: number[] = []
    cache.forEach((answer, print) => {
      if (!this.#isAlive(answer, now)) over.push(print)
    })
    for (const print of over) cache.delete(print)
    if (cache.size === 0) this.#cache = undefined
  }

  /** One that has more time left than it was given has seen the wall clock jump back, and is over, too. */
  #isAlive({ until }: Answer, now: number): boolean {
    const { maxHoldMs, graceMs } = this.#config
    return now < until && until <= now + maxHoldMs + graceMs
  }
}

function sizeOf({ key, fulfill }: Answer): number {
  return OVERHEAD_BYTES + key.length + fulfill.length
}
