import { Deadlines, systemClock } from '@ilp-wrap/core'
import type { Clock, Store, Timer } from '@ilp-wrap/core'
import { boolean, known, string } from '@ilp-wrap/core/options'
import type { LedgerObserver, LedgerStore } from '@ilp-wrap/balance'
import { ClassicLevel } from 'classic-level'
import { closedError, Database } from './database.js'
import { keyOf, nameIn, under } from './keys.js'
import { LevelLedger } from './level-ledger.js'
import type { KeptAccount, Shared } from './level-ledger.js'
import { corrupt, parseBalance, parseHold, parseMoney } from './values.js'
import { Writer } from './writer.js'

/** How long the id of money is known after it is closed, and how often those are looked for whose time is over. */
const KNOWN_MS = 3_600_000
/** The first look for them comes soon, for processes that do not live long. */
const FIRST_PURGE_MS = 60_000

export interface LevelStoreOptions {
  /** The directory, made when it is missing. One process at a time has it. */
  location: string
  /**
   * Whether a packet waits until the disk has what was written. `false` hands it to the operating system: a crash of the
   * process loses nothing, one of the machine the last seconds, fulfills that were passed on among them. Default: true.
   */
  sync?: boolean
  /** For tests. Default: the machine's own. */
  clock?: Clock
}

/** The books of many accounts in one directory, and a place for what plugins keep. */
export interface LevelStore extends LedgerStore {
  /**
   * A key-value store as RFC 0024 has it ("Store"), for the context or the services of a plugin. No other `prefix`
   * shares its keys. What `put` and `del` have resolved is on disk.
   */
  store(prefix: string): Store
}

/**
 * Keeps the books of `balance` on disk. The directory is opened with the first account or value that is asked for.
 *
 * @throws InvalidFieldsError for a bad option. `open`, and with it a plugin's `connect`, rejects with an
 *   InvalidServicesError when the directory cannot be used (`ILP_WRAP_STORE_UNAVAILABLE`), is in use
 *   (`ILP_WRAP_STORE_LOCKED`), or has what was not written there (`ILP_WRAP_CORRUPT_STORE`)
 */
export function levelStore(options: LevelStoreOptions): LevelStore {
  const { location, sync, clock } = known<LevelStoreOptions>(options, ['location', 'sync', 'clock'])
  return new Level(
    string('location', location),
    boolean('sync', sync ?? true),
    clock ?? systemClock,
    (path) => new ClassicLevel(path)
  )
}

/** `make` gives the database, so that tests can have one that fails. */
export class Level implements LevelStore {
  readonly #database: Database
  readonly #writer: Writer
  readonly #shared: Shared
  readonly #expiries: Deadlines
  readonly #ledgers = new Map<string, Promise<LevelLedger>>()
  readonly #loaded = new Set<LevelLedger>()
  #ready: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #purge: Timer | undefined

  constructor(location: string, sync: boolean, clock: Clock, make: (location: string) => ClassicLevel) {
    this.#database = new Database(location, make)
    this.#writer = new Writer(this.#database, sync)
    // they guard no promise
    this.#expiries = new Deadlines(clock, { ref: false })
    this.#shared = {
      database: this.#database,
      writer: this.#writer,
      clock,
      expiries: this.#expiries,
      assertOpen: () => {
        const refusal = this.#refusal()
        if (refusal !== undefined) throw refusal
      }
    }
  }

  async open(account: string, observer?: LedgerObserver): Promise<LevelLedger> {
    await this.#opened()
    let opening = this.#ledgers.get(account)
    if (opening === undefined) {
      opening = this.#load(account)
      this.#ledgers.set(account, opening)
      // the next one tries again
      opening.catch(() => this.#ledgers.delete(account))
    }
    const ledger = await opening
    this.#shared.assertOpen()
    if (observer !== undefined) await ledger.recover(observer)
    return ledger
  }

  async *accounts(): AsyncGenerator<string, void, undefined> {
    await this.#opened()
    await this.#writer.written()
    const prefix = '1/balance'
    // all at once: who takes them may wait in between, for something that opens the database anew
    const keys = await this.#database.read((level) => level.keys(under(prefix)).all())
    for (const key of keys) yield nameIn(key, prefix) ?? corrupt(key)
  }

  store(prefix: string): Store {
    string('prefix', prefix)
    const place = (key: string): string => keyOf('store', prefix, string('key', key))
    const write = async (change: () => void): Promise<void> => {
      await this.#opened()
      change()
      await this.#writer.written()
    }
    return {
      get: async (key) => {
        const at = place(key)
        await this.#opened()
        while (!this.#database.isReady) await this.#database.ready()
        return this.#writer.read(at)
      },
      put: async (key, value) => {
        const at = place(key)
        // a plugin without types may give anything, and all accounts share the batch
        string('value', value)
        await write(() => this.#writer.put(at, value))
      },
      del: async (key) => {
        const at = place(key)
        await write(() => this.#writer.delete(at))
      }
    }
  }

  /** Rejects when the disk lacks some of what was to be written. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const ledger of this.#loaded) ledger.dispose()
    this.#expiries.close()
    try {
      await this.#ready
    } catch {
      return // there is nothing to close
    }
    if (this.#purge !== undefined) this.#shared.clock.clearTimeout(this.#purge)
    try {
      await this.#writer.drained()
    } finally {
      await this.#database.close()
    }
  }

  #opened(): Promise<void> {
    const refusal = this.#refusal()
    if (refusal !== undefined) return Promise.reject(refusal)
    this.#ready ??= this.#start()
    return this.#ready
  }

  #refusal(): Error | undefined {
    return this.#closing === undefined ? this.#database.ended : closedError()
  }

  async #start(): Promise<void> {
    try {
      await this.#database.open()
      this.#purgeIn(FIRST_PURGE_MS)
    } catch (error) {
      // the next one tries again
      this.#ready = undefined
      throw error
    }
  }

  async #load(account: string): Promise<LevelLedger> {
    const kept = await this.#database.read((level) => readAccount(level, account))
    const ledger = new LevelLedger(account, kept, this.#shared)
    this.#loaded.add(ledger)
    return ledger
  }

  #purgeIn(ms: number): void {
    this.#purge = this.#shared.clock.setTimeout(() => {
      void this.#purgeMoved()
      this.#purgeIn(KNOWN_MS)
    }, ms)
    this.#purge.unref()
  }

  /** Forgets the ids of money that was closed long ago. */
  async #purgeMoved(): Promise<void> {
    const before = this.#shared.clock.now() - KNOWN_MS
    try {
      await this.#database.read(async (level) => {
        for await (const [key, text] of level.iterator(under('1/moved'))) {
          if (Number(text) < before) this.#writer.delete(key)
        }
      })
      await this.#writer.written()
    } catch {
      // there will be another time
    }
  }
}

async function readAccount(level: ClassicLevel, account: string): Promise<KeptAccount> {
  const holds = await readAll(level, keyOf('hold', account), parseHold)
  const money = await readAll(level, keyOf('sending', account), parseMoney)
  const key = keyOf('balance', account)
  const text = await level.get(key)
  const isNew = text === undefined && holds.length === 0 && money.length === 0
  return { committed: isNew ? undefined : parseBalance(key, text), holds, money }
}

async function readAll<T>(
  level: ClassicLevel,
  prefix: string,
  parse: (prefix: string, key: string, text: string) => T
): Promise<T[]> {
  const found: T[] = []
  for await (const [key, text] of level.iterator(under(prefix))) found.push(parse(prefix, key, text))
  return found
}
