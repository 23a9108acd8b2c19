import type { Clock } from '@ilp-wrap/core'
import { LRUCache } from 'lru-cache'
import { Answer } from './kept-packet.js'
import type { KeptPacket } from './kept-packet.js'
import { OVERHEAD_BYTES, covers } from './terms.js'
import type { Limits } from './terms.js'

export interface AnswersConfig extends Limits {
  /** Milliseconds that count of the time until the expiry, at most. */
  readonly maxHoldMs: number
  /** Milliseconds that an answer stays after that. */
  readonly graceMs: number
}

/**
 * The options of each call. Left out, the cache makes an object for them each time; and whenever the collector of garbage
 * meets none of these, V8 forgets what they look like, and throws away the code that it has optimized for them.
 */
const OPTIONS = {}

/** The fulfills that are given again. */
export class Answers {
  readonly #config: AnswersConfig
  readonly #clock: Clock
  /** Made for the first answer, as it takes its room at once. */
  #cache: LRUCache<number, string> | undefined

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

  /** Whether there may be one for a prepare with this print. */
  has(print: number): boolean {
    return this.#cache?.peek(print, OPTIONS) !== undefined
  }

  /** The fulfill of a prepare with this key that asked for as much, or more; a Buffer of the caller's own. */
  find(print: number, key: string, amount: bigint, expiresAt: number): Buffer | undefined {
    const text = this.#cache?.get(print, OPTIONS)
    if (text === undefined) return undefined
    const answer = new Answer(text)
    if (answer.key !== key || !covers(answer, amount, expiresAt)) return undefined
    return this.#isAlive(answer.until, this.#clock.now()) ? answer.fulfill : undefined
  }

  /** Whether one that is there answers all that the fulfill of this packet would. */
  cover({ print, key, amount, expiresAt }: KeptPacket): boolean {
    const text = this.#cache?.peek(print, OPTIONS)
    if (text === undefined) return false
    const answer = new Answer(text)
    return answer.key === key && covers(answer, amount, expiresAt) && this.#isAlive(answer.until, this.#clock.now())
  }

  /**
   * Keeps a fulfill until the expiry and `graceMs` more, in the place of another with the same print. One that came too
   * late is not kept (RFC 0027, "Terminology").
   */
  add(packet: KeptPacket, fulfill: Buffer): void {
    const now = this.#clock.now()
    const { print, expiresAt } = packet
    if (now >= expiresAt) return
    const { maxEntries, maxBytes, maxHoldMs, graceMs } = this.#config
    const cache = (this.#cache ??= new LRUCache({ max: maxEntries, maxSize: maxBytes, sizeCalculation: sizeOf }))
    cache.set(print, packet.withFulfill(fulfill, Math.min(expiresAt, now + maxHoldMs) + graceMs), OPTIONS)
  }

  /** Drops those whose time is over. */
  sweep(): void {
    const cache = this.#cache
    if (cache === undefined) return
    const now = this.#clock.now()
    const over: number[] = []
    cache.forEach((text, print) => {
      if (!this.#isAlive(new Answer(text).until, now)) over.push(print)
    })
    for (const print of over) cache.delete(print)
    if (cache.size === 0) this.#cache = undefined
  }

  /** One that has more time left than it was given has seen the wall clock jump back, and is over, too. */
  #isAlive(until: number, now: number): boolean {
    const { maxHoldMs, graceMs } = this.#config
    return now < until && until <= now + maxHoldMs + graceMs
  }
}

function sizeOf(text: string): number {
  return OVERHEAD_BYTES + text.length
}
