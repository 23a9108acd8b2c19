import { LRUCache } from 'lru-cache'
import { TokenBucket } from './bucket.js'
import type { Rate } from './bucket.js'

/**
 * A bucket for each of the keys used last. A bucket that was let go of would come back full, and grant too much; so one
 * makes room only once it is full again. Until then a new key has to share the bucket `common`.
 */
export class KeyedBuckets {
  readonly #cache: LRUCache<string, TokenBucket>
  readonly #common: TokenBucket

  /** All have the limits of `common`. */
  constructor(max: number, common: TokenBucket) {
    this.#cache = new LRUCache({ max })
    this.#common = common
  }

  get size(): number {
    return this.#cache.size
  }

  /** The bucket of a key, made if there is none and room for it. */
  get(key: string, now: number): TokenBucket {
    const known = this.#cache.get(key)
    if (known !== undefined) return known
    if (this.#cache.size === this.#cache.max) {
      for (const oldest of this.#cache.rvalues()) {
        if (oldest?.isFull(now) === false) return this.#common
        break
      }
    }
    const fresh = new TokenBucket(this.#common.rate, now)
    this.#cache.set(key, fresh)
    return fresh
  }

  setRate(rate: Rate, now: number): void {
    for (const bucket of this.#cache.values()) bucket.setRate(rate, now)
  }
}
