import type { Clock } from '@ilp-wrap/core'
import { LRUCache } from 'lru-cache'
import { KeptPacket } from './kept-packet.js'
import { covers } from './terms.js'
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
  #cache: LRUCache<number, KeptPacket> | undefined
  /** The one that the cache has dropped last. */
  #spare: KeptPacket | undefined

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
    const kept = this.#cache?.get(print, OPTIONS)
    return kept !== undefined && this.#answers(kept, key, amount, expiresAt) ? kept.fulfill : undefined
  }

  /** Whether one that is there answers all that the fulfill of this packet would. */
  cover({ print, key, amount, expiresAt }: KeptPacket): boolean {
    const kept = this.#cache?.peek(print, OPTIONS)
    return kept !== undefined && this.#answers(kept, key, amount, expiresAt)
  }

  /**
   * Keeps a fulfill until the expiry and `graceMs` more, in the place of another with the same print. One that came too
   * late (RFC 0027, "Terminology"), or is too large, is not kept. Whoever gives `packet` away has another for it.
   */
  exchange(packet: KeptPacket, fulfill: Buffer): KeptPacket {
    const now = this.#clock.now()
    const { print, expiresAt } = packet
    const { maxBytes, maxHoldMs, graceMs } = this.#config
    if (now >= expiresAt || packet.sizeWith(fulfill.length) > maxBytes) return packet
    packet.keepFulfill(fulfill, Math.min(expiresAt, now + maxHoldMs) + graceMs)
    this.#cache ??= this.#newCache()
    this.#cache.set(print, packet, OPTIONS)
    const spare = this.#spare ?? new KeptPacket()
    this.#spare = undefined
    return spare
  }

  /** Drops those whose time is over. */
  sweep(): void {
    const cache = this.#cache
    if (cache === undefined) return
    const now = this.#clock.now()
    const over: number[] = []
    cache.forEach(({ until }, print) => {
      if (!this.#isAlive(until, now)) over.push(print)
    })
    for (const print of over) cache.delete(print)
    this.#spare = undefined
    if (cache.size === 0) this.#cache = undefined
  }

  #newCache(): LRUCache<number, KeptPacket> {
    const { maxEntries, maxBytes } = this.#config
    return new LRUCache<number, KeptPacket>({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: ({ size }) => size,
      dispose: (kept) => {
        if (kept.isReusable) this.#spare = kept
      }
    })
  }

  #answers(kept: KeptPacket, key: string, amount: bigint, expiresAt: number): boolean {
    return kept.key === key && covers(kept, amount, expiresAt) && this.#isAlive(kept.until, this.#clock.now())
  }

  /** One that has more time left than it was given has seen the wall clock jump back, and is over, too. */
  #isAlive(until: number, now: number): boolean {
    const { maxHoldMs, graceMs } = this.#config
    return now < until && until <= now + maxHoldMs + graceMs
  }
}
