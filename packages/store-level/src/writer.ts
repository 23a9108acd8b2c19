import type { Database } from './database.js'

/** A value that is made when it is written, since it changes with each packet. */
export abstract class Late {
  abstract text(): string
}

const DONE: Promise<void> = Promise.resolve()

/** A batch with fewer changes has room for what is discarded; any batch has a little. */
const ROOM = 100
const LEAST_ROOM = 10

const toHeld = (): 'held' => 'held'

/**
 * Gathers what is to be written while the last batch is being written, so that all packets of that time share one sync.
 * What failed to be written stays to be written: the next batch has it, too, and the disk goes from one state that the
 * memory has had to a later one.
 */
export class Writer {
  readonly #database: Database
  readonly #sync: boolean
  #gathered = new Map<string, string | Late | undefined>()
  /** Keys that are deleted when there is room, unless they are put before. */
  readonly #discarded = new Set<string>()
  /** What is being written; `undefined` under a key: it is deleted. */
  #writing: Map<string, string | undefined> | undefined
  /** The end of the batch that gathers, if anybody waits for it, and of the one that is being written. */
  #next: Promise<void> | undefined
  #present: Promise<void> | undefined
  #heldWith: Promise<void> | undefined
  #held: Promise<'held'> | undefined

  constructor(database: Database, sync: boolean) {
    this.#database = database
    this.#sync = sync
  }

  put(key: string, value: string | Late): void {
    this.#gathered.set(key, value)
    this.#discarded.delete(key)
  }

  delete(key: string): void {
    this.#gathered.set(key, undefined)
  }

  /**
   * Deletes what nobody needs any more, but does not hurry: where much goes on, thousands of keys come at a time, and the
   * packets would wait for them.
   */
  discard(key: string): void {
    this.#discarded.add(key)
  }

  /** What stands under a key once all is written. The database is ready. */
  read(key: string): string | undefined {
    if (this.#gathered.has(key)) return textOf(this.#gathered.get(key))
    if (this.#writing?.has(key) === true) return this.#writing.get(key)
    return this.#database.get(key)
  }

  /** Resolves when all that has been put and deleted is written, and of what is discarded some; rejects when that fails. */
  written(): Promise<void> {
    if (this.#gathered.size + this.#discarded.size === 0) return this.#present ?? DONE
    this.#next ??= quiet(this.#writeNext(this.#present))
    return this.#next
  }

  /** As `written`, and all that is discarded is deleted. */
  async drained(): Promise<void> {
    do await this.written()
    while (this.#discarded.size > 0)
  }

  /** As `written`, for holds. */
  held(): Promise<'held'> {
    const written = this.written()
    // one for all that share a batch
    if (written !== this.#heldWith) {
      this.#heldWith = written
      this.#held = written.then(toHeld)
    }
    return this.#held as Promise<'held'>
  }

  async #writeNext(present: Promise<void> | undefined): Promise<void> {
    await present?.catch(() => undefined)
    // those who waited for the last batch go on first, and have something for this one
    // eslint-disable-next-line no-restricted-globals -- a turn of the event loop, no time
    await new Promise((resolve) => setImmediate(resolve))
    // whatever goes wrong from here on, there is a next one
    this.#present = this.#next
    this.#next = undefined
    const late = this.#gathered
    this.#gathered = new Map()
    const discarded = this.#someDiscarded(Math.max(LEAST_ROOM, ROOM - late.size))
    try {
      const batch = new Map<string, string | undefined>()
      for (const [key, value] of late) batch.set(key, textOf(value))
      for (const key of discarded) batch.set(key, undefined)
      this.#writing = batch
      await this.#database.write(batch, this.#sync)
    } catch (error) {
      for (const key of discarded) if (!this.#gathered.has(key)) this.#discarded.add(key)
      for (const [key, value] of late) if (!this.#gathered.has(key)) this.#gathered.set(key, value)
      throw error
    } finally {
      this.#writing = undefined
      this.#present = undefined
    }
    if (this.#discarded.size > 0) void this.written()
  }

  #someDiscarded(most: number): string[] {
    const some: string[] = []
    for (const key of this.#discarded) {
      if (some.length >= most) break
      this.#discarded.delete(key)
      some.push(key)
    }
    return some
  }
}

function textOf(value: string | Late | undefined): string | undefined {
  return value instanceof Late ? value.text() : value
}

/** A failure is for those who wait; nobody need. */
function quiet(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined)
  return promise
}
