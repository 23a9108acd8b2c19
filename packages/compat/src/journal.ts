import { InvalidServicesError } from '@ilp-wrap/core'
import type { Clock, Store, Timer } from '@ilp-wrap/core'

/** A transfer that has been sent and has no outcome yet. */
export interface Outstanding {
  readonly id: string
  readonly amount: string
  readonly condition: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

/** How long a store may take, at the end, for what is being written. */
const FLUSH_MS = 5_000

/**
 * What is outstanding, in the host's store. It is one value, written anew: there is one write at a time, and all that
 * happens during it goes into the next.
 */
export class Journal {
  readonly #store: Store
  readonly #key: string
  readonly #failed: (error: unknown) => void
  readonly #outstanding = new Map<string, Outstanding>()
  #loading: Promise<readonly Outstanding[]> | undefined
  #left: readonly Outstanding[] | undefined
  #writing: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(store: Store, account: string, failed: (error: unknown) => void) {
    this.#store = store
    this.#key = `ilp-wrap:compat:1:${account}`
    this.#failed = failed
  }

  /**
   * What an earlier process has left; it is read once.
   *
   * @throws InvalidServicesError when the store holds something else under the key, or cannot be read
   */
  load(): Promise<readonly Outstanding[]> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      // the next attempt may have more luck
      this.giveUp()
      throw error
    })
    return this.#loading
  }

  /** The store is not waited for any longer: the next `load` reads anew. */
  giveUp(): void {
    if (this.#left === undefined) this.#loading = undefined
  }

  async #load(): Promise<readonly Outstanding[]> {
    let text: string | undefined
    try {
      text = await this.#store.get(this.#key)
    } catch (error) {
      // LevelUP's way to say that there is nothing
      if ((error as { notFound?: unknown } | undefined)?.notFound !== true) throw this.#unusable(error)
    }
    const left = text === undefined ? [] : parse(text)
    if (left === undefined) throw this.#unusable()
    // a reading that was given up may come to its end nevertheless, and what has ended since is not to come back
    if (this.#left !== undefined) return this.#left
    for (const each of left) this.#outstanding.set(each.id, each)
    return (this.#left = left)
  }

  /** Resolves once it is stored; when the store fails, that is reported, and it resolves nevertheless. */
  add(transfer: Outstanding): Promise<void> {
    this.#outstanding.set(transfer.id, transfer)
    return this.#write()
  }

  /** A transfer that is forgotten too late is asked for once more, which does no harm: nobody waits for it. */
  remove(id: string): void {
    this.#outstanding.delete(id)
    void this.#write()
  }

  /** Resolves with true once nothing is being written, with false when the store takes too long. */
  async flush(clock: Clock): Promise<boolean> {
    let timer: Timer | undefined
    const late = new Promise<false>((resolve) => {
      timer = clock.setTimeout(() => {
        resolve(false)
      }, FLUSH_MS)
    })
    try {
      return await Promise.race([this.#written(), late])
    } finally {
      clock.clearTimeout(timer as Timer)
    }
  }

  async #written(): Promise<true> {
    while (this.#writing !== undefined) await this.#writing
    return true
  }

  #write(): Promise<void> {
    if (this.#writing === undefined) return (this.#writing = this.#put())
    // one write is under way: all that comes until its end goes into the next
    return (this.#next ??= this.#writing.then(() => {
      this.#writing = this.#next
      this.#next = undefined
      return this.#put()
    }))
  }

  async #put(): Promise<void> {
    try {
      // what is there is never overwritten unread
      await this.load()
      await this.#store.put(this.#key, JSON.stringify([...this.#outstanding.values()]))
    } catch (error) {
      this.#failed(error)
    }
    if (this.#next === undefined) this.#writing = undefined
  }

  #unusable(cause?: unknown): InvalidServicesError {
    return new InvalidServicesError(`The store's value of \`${this.#key}\` cannot be read`, {
      code: 'ILP_WRAP_CORRUPT_STORE',
      cause
    })
  }
}

function parse(text: string): Outstanding[] | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return Array.isArray(value) && value.every(isOutstanding) ? value : undefined
}

function isOutstanding(value: unknown): value is Outstanding {
  if (typeof value !== 'object' || value === null) return false
  const { id, amount, condition, expiresAt } = value as Record<keyof Outstanding, unknown>
  if (typeof id !== 'string' || typeof amount !== 'string' || typeof condition !== 'string') return false
  return typeof expiresAt === 'number'
}
