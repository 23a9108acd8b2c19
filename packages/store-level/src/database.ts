// eslint-disable-next-line no-restricted-imports -- for what LevelDB passes over: a file that is missing, a path that is a link
import { mkdir, readdir, realpath } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { InvalidServicesError, PluginError } from '@ilp-wrap/core'
import type { ClassicLevel } from 'classic-level'
import { FORMAT, OWNER, VERSION } from './keys.js'
import { corrupt } from './values.js'

declare module '@ilp-wrap/core' {
  interface ErrorCodes {
    /**
     * When connecting: another process has the directory open, or another `levelStore` of this one. End the other one;
     * processes that share books use `store-redis`. Later, of all calls: another process has had the directory while
     * this one could not write it. End this one: what it knows of the books is out of date.
     */
    ILP_WRAP_STORE_LOCKED: InvalidServicesError
  }
}

export type Batch = ReadonlyMap<string, string | undefined>

const DONE: Promise<void> = Promise.resolve()

/**
 * What LevelDB leaves in a directory beside `CURRENT`, without which it would begin anew. Not its first manifest: that
 * has nothing in it, is there before `CURRENT`, and gone once a database is made.
 */
const LEVEL_FILES = /^(MANIFEST-(?!000001$)\d+|\d+\.(ldb|log|sst))$/

/**
 * A LevelDB that belongs to one process at a time. After a write that failed it is opened anew by whoever needs it next.
 * What it throws is an InvalidServicesError.
 */
export class Database {
  readonly #location: string
  readonly #make: (location: string) => ClassicLevel
  /** What tells this one from any other that opens the directory. */
  readonly #owner = randomUUID()
  #opened: ClassicLevel | undefined
  /** Whether a write has failed since it was opened. */
  #broken = false
  #reopening: Promise<void> | undefined
  /** What is being read, which it is not closed under. */
  readonly #readings = new Set<Promise<unknown>>()
  #ended: Error | undefined

  constructor(location: string, make: (location: string) => ClassicLevel) {
    this.#location = location
    this.#make = make
  }

  /** @throws InvalidServicesError when it cannot be used; nothing was changed then */
  async open(): Promise<void> {
    const level = this.#make(await this.#directory())
    try {
      await level.open()
    } catch (error) {
      throw this.#unusable(error)
    }
    try {
      await checkFormat(level)
      // shows that it can be written, too
      await level.batch().put(FORMAT.key, FORMAT.value).put(OWNER, this.#owner).write({ sync: true })
    } catch (error) {
      await level.close()
      throw this.#unusable(error)
    }
    this.#opened = level
  }

  /** Whether it can be read at once. */
  get isReady(): boolean {
    return !this.#broken && this.#ended === undefined
  }

  /** Why it is not used any more: it is closed, or another process has had it. */
  get ended(): Error | undefined {
    return this.#ended
  }

  /** Opens it anew if a write has failed, and if that did not work the last time. */
  ready(): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    if (!this.#broken) return DONE
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined
    })
    return this.#reopening
  }

  /**
   * After a failed write LevelDB may have half a record at the end of its log, and would not read what follows it: opened
   * anew, it leaves that half out. In between it is locked by nobody: whoever comes in then leaves a mark.
   */
  async #reopen(): Promise<void> {
    await Promise.allSettled(this.#readings)
    try {
      await this.#level.close()
      await this.#level.open({ createIfMissing: false })
      if ((await this.#level.get(OWNER)) !== this.#owner) await this.#giveUp()
    } catch (error) {
      throw this.#unusable(error)
    }
    this.#broken = false
  }

  async #giveUp(): Promise<never> {
    const text = `Another process has had the store at ${this.#location} while this one could not write it`
    this.#ended = new InvalidServicesError(text, { code: 'ILP_WRAP_STORE_LOCKED' })
    await this.#level.close()
    throw this.#ended
  }

  /** Reads what takes more than a moment. It is not to wait for anything else. */
  async read<T>(query: (level: ClassicLevel) => Promise<T>): Promise<T> {
    while (!this.isReady) await this.ready()
    const reading = query(this.#level)
    this.#readings.add(reading)
    try {
      return await reading
    } catch (error) {
      throw this.#unusable(error)
    } finally {
      this.#readings.delete(reading)
    }
  }

  /** What stands under a key, while it is ready. */
  get(key: string): string | undefined {
    try {
      return this.#level.getSync(key)
    } catch (error) {
      throw this.#unusable(error)
    }
  }

  /** Writes all of it or nothing. */
  async write(batch: Batch, sync: boolean): Promise<void> {
    if (!this.isReady) await this.ready()
    try {
      // not as an array: abstract-level makes three objects for each operation of that
      const chain = this.#level.batch()
      for (const [key, value] of batch) {
        if (value === undefined) chain.del(key)
        else chain.put(key, value)
      }
      await chain.write({ sync })
    } catch (error) {
      this.#broken = true
      throw this.#unusable(error)
    }
  }

  /** Nobody opens it any more. */
  async close(): Promise<void> {
    this.#ended = closedError()
    await Promise.allSettled([this.#reopening, ...this.#readings])
    await this.#opened?.close()
  }

  get #level(): ClassicLevel {
    return this.#opened as ClassicLevel
  }

  /**
   * The path of the directory, the one of all that lead there: LevelDB knows by the path what this process has open, and
   * the system's own lock does not keep a process from itself.
   */
  async #directory(): Promise<string> {
    try {
      await mkdir(this.#location, { recursive: true })
      const path = await realpath(this.#location)
      await this.#checkFiles(path)
      return path
    } catch (error) {
      throw this.#unusable(error)
    }
  }

  /** LevelDB makes a new database where `CURRENT` is missing, and deletes what is left of the old one. */
  async #checkFiles(path: string): Promise<void> {
    const files = await readdir(path)
    if (files.includes('CURRENT') || !files.some((file) => LEVEL_FILES.test(file))) return
    throw new InvalidServicesError(`The store at ${this.#location} lacks its file \`CURRENT\``, {
      code: 'ILP_WRAP_CORRUPT_STORE'
    })
  }

  #unusable(error: unknown): InvalidServicesError {
    if (error instanceof InvalidServicesError) return error
    const cause = causeOf(error)
    if (cause.code === 'LEVEL_LOCKED') {
      return new InvalidServicesError(
        `Somebody has the store at ${this.#location} open: it is for one process at a time`,
        {
          code: 'ILP_WRAP_STORE_LOCKED',
          cause: error
        }
      )
    }
    const code = cause.code === 'LEVEL_CORRUPTION' ? 'ILP_WRAP_CORRUPT_STORE' : 'ILP_WRAP_STORE_UNAVAILABLE'
    return new InvalidServicesError(`Cannot use the store at ${this.#location}: ${cause.message}`, {
      code,
      cause: error
    })
  }
}

export function closedError(): PluginError {
  return new PluginError('The store is closed', { code: 'ILP_WRAP_LEDGER_CLOSED' })
}

/** Refuses a database that is not of this package, or of another version. */
async function checkFormat(level: ClassicLevel): Promise<void> {
  for (const reverse of [false, true]) {
    for await (const key of level.keys({ limit: 1, reverse })) if (!key.startsWith(VERSION)) corrupt(key)
  }
  const format = await level.get(FORMAT.key)
  if (format === FORMAT.value) return
  if (format !== undefined) corrupt(FORMAT.key)
  for await (const key of level.keys({ limit: 1 })) corrupt(key)
}

/** What went wrong: abstract-level wraps it when a database does not open. */
function causeOf(error: unknown): { code?: unknown; message: string } {
  const { cause = error } = error as { cause?: unknown }
  return cause as { code?: unknown; message: string }
}
