import type { Clock, Store } from '@ilp-wrap/core'
import { InvalidServicesError } from '@ilp-wrap/core'

/** RFC 0038, "Performing idempotent requests": keys are kept for at least a day. */
const KEEP_MS = 86_400_000

export interface OpenPayment {
  readonly key: string
  readonly amount: string
}

/** One payment as it is stored: its amount, when it began, and when it was acknowledged, if it was. */
type Entry = readonly [amount: string, begunAt: number, acknowledgedAt?: number]

/** The idempotency keys of one account's outgoing money, as one JSON value in the host's store. */
export class MoneyLog {
  readonly #store: Store
  readonly #name: string
  readonly #clock: Clock
  #entries: Map<string, Entry> | undefined
  #loading: Promise<void> | undefined
  /** Writes go one after the other, so that an older state never overwrites a newer one. */
  #writing: Promise<void> = Promise.resolve()

  constructor(store: Store, account: string, clock: Clock) {
    this.#store = store
    this.#name = `ilp-wrap:retry:money:1:${account}`
    this.#clock = clock
  }

  /** Once; a failure may be tried again. */
  load(): Promise<void> {
    this.#loading ??= this.#read().catch((error: unknown) => {
      this.#loading = undefined
      throw error
    })
    return this.#loading
  }

  open(): OpenPayment[] {
    return [...this.#all].flatMap(([key, [amount, , acknowledgedAt]]) =>
      acknowledgedAt === undefined ? [{ key, amount }] : []
    )
  }

  /** Resolves once the key is stored; until then it must not be used, and no other write has it. */
  begin(key: string, amount: string): Promise<void> {
    return this.#write(() => this.#all.set(key, [amount, this.#clock.now()]))
  }

  acknowledge(key: string): Promise<void> {
    const [amount, begunAt] = this.#all.get(key) as Entry
    this.#all.set(key, [amount, begunAt, this.#clock.now()])
    return this.#write()
  }

  /**
   * For a payment that is known not to have happened. Resolves to whether the store has the key no more: if it has, the
   * next process would take it for one that is open.
   */
  async forget(key: string): Promise<boolean> {
    this.#all.delete(key)
    try {
      await this.#write()
      return true
    } catch {
      return this.#lacks(key)
    }
  }

  /** One that cannot be asked may have it. */
  async #lacks(key: string): Promise<boolean> {
    try {
      return !(await this.#store.get(this.#name))?.includes(key)
    } catch {
      return false
    }
  }

  get #all(): Map<string, Entry> {
    return (this.#entries ??= new Map())
  }

  async #read(): Promise<void> {
    const text = await this.#store.get(this.#name)
    if (text === undefined) return
    for (const [key, entry] of parse(text, this.#name)) this.#all.set(key, entry)
  }

  #write(change?: () => void): Promise<void> {
    const write = this.#writing.then(() => {
      change?.()
      this.#prune()
      return this.#store.put(this.#name, JSON.stringify([...this.#all]))
    })
    // one write that fails must not be the end of those after it
    this.#writing = write.catch(() => undefined)
    return write
  }

  #prune(): void {
    const oldest = this.#clock.now() - KEEP_MS
    for (const [key, [, , acknowledgedAt = Infinity]] of this.#all) {
      if (acknowledgedAt < oldest) this.#all.delete(key)
    }
  }
}

function parse(text: string, name: string): [string, Entry][] {
  let entries: unknown
  try {
    entries = JSON.parse(text)
  } catch {
    entries = undefined
  }
  // to begin with nothing would be to forget payments that may be on their way
  if (!Array.isArray(entries) || !entries.every(isEntry)) {
    throw new InvalidServicesError(`The store's value of \`${name}\` cannot be read`, {
      code: 'ILP_WRAP_CORRUPT_STORE'
    })
  }
  return entries
}

function isEntry(value: unknown): value is [string, Entry] {
  if (!Array.isArray(value) || value.length !== 2) return false
  const [key, entry] = value as unknown[]
  if (typeof key !== 'string' || !Array.isArray(entry)) return false
  const [amount, begunAt, acknowledgedAt] = entry as unknown[]
  return (
    typeof amount === 'string' &&
    typeof begunAt === 'number' &&
    (acknowledgedAt === undefined || typeof acknowledgedAt === 'number')
  )
}
