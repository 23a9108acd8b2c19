// eslint-disable-next-line no-restricted-imports -- to see that two paths are one directory, which can be opened but once
import { realpathSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { Awaitable, BalanceLedger, LedgerObserver, LedgerStore } from '@ilp-wrap/balance'
import { systemClock } from '@ilp-wrap/core'
import { badOption } from '@ilp-wrap/core/options'
import { levelStore } from '@ilp-wrap/store-level'
import type { LevelStoreOptions } from '@ilp-wrap/store-level'
import { redisStore } from '@ilp-wrap/store-redis'
import type { RedisStoreOptions } from '@ilp-wrap/store-redis'
import { boolean, choice, matching, milliseconds, name, object } from './kinds.js'
import type { Kind } from './kinds.js'

/** Where books can be kept, and what a configuration can say of it. */
const places = {
  /** A directory; its path is from the working directory. */
  level: object({ location: name, sync: boolean }, ['location']),
  redis: object(
    {
      url: name,
      prefix: matching(/^[^{}]*$/, 'a string without braces'),
      onUnavailable: choice('reject', 'wait'),
      timeoutMs: milliseconds(1, 600_000),
      leaseMs: milliseconds(100, 20_000)
    },
    ['url']
  )
}

const one = object(places, [], { minProperties: 1, maxProperties: 1 })

/** `{ "level": { "location": … } }` or `{ "redis": { "url": … } }`. */
export const ledger: Kind = {
  schema: one.schema,
  read(path, value) {
    const given = one.read(path, value) as { level?: LevelStoreOptions; redis?: RedisStoreOptions & { url: string } }
    const [place, ...others] = Object.keys(given)
    if (place === undefined || others.length > 0) badOption(path, 'an object with either `level` or `redis`', value)
    const { level, redis } = given
    if (level !== undefined) {
      const location = realPath(resolve(level.location))
      const options = { ...level, location }
      return new NamedStore(`${path}.level`, location, options, () => levelStore(options))
    }
    const options = redis as NonNullable<typeof redis>
    return new NamedStore(`${path}.redis`, `${options.url} ${options.prefix ?? ''}`, options, () => redisStore(options))
  }
}

/**
 * Holds the stores that the entries of one configuration name against each other.
 *
 * @throws InvalidFieldsError naming the second of two that are one place with different options
 */
export function assertStoresAgree(entries: readonly { readonly options: object | undefined }[]): void {
  const seen = new Map<string, NamedStore>()
  for (const store of entries.flatMap(({ options }) => storesIn(options))) {
    const first = seen.get(store.place) ?? store
    if (store.settings !== first.settings) store.refuse('the same wherever it names the same place')
    seen.set(store.place, first)
  }
}

/** Those of `balance`, by itself or as a part of `recommended`. */
function storesIn(options: object | undefined): NamedStore[] {
  const { ledger, balance } = (options ?? {}) as { ledger?: unknown; balance?: { ledger?: unknown } | null }
  return [ledger, balance?.ledger].filter((each) => each instanceof NamedStore)
}

/** The stores that this process has opened, by where they are: whoever names one place shares it. */
const opened = new Map<string, OpenedStore>()

interface OpenedStore {
  readonly store: LedgerStore
  readonly settings: string
  /** Whether any books of it were opened, and not only listed. */
  inUse: boolean
}

/**
 * Ends the stores that configurations name: for a host at its end, when all its plugins are disconnected. It waits two
 * seconds for the last commits to be confirmed, which would be listed as unconfirmed at the next start.
 */
export async function closeLedgers(): Promise<void> {
  const closing = [...opened.values()].map(closed)
  opened.clear()
  // one that fails does not have the others cut off
  await Promise.allSettled(closing)
  await Promise.all(closing)
}

async function closed({ store, inUse }: OpenedStore): Promise<void> {
  if (inUse) await new Promise<void>((resolve) => systemClock.setTimeout(resolve, CONFIRMED_MS))
  await store.close()
}

/** A path without links, as far as it is made. */
function realPath(path: string): string {
  for (let made = path; made !== dirname(made); made = dirname(made)) {
    try {
      return join(realpathSync.native(made), relative(made, path))
    } catch {
      // perhaps the directory above
    }
  }
  return path
}

/** `balance` confirms what it has passed on within two seconds; a little more. */
const CONFIRMED_MS = 2200

/** Opened when it is first used: a configuration that turns out to be wrong has connected to nothing. */
class NamedStore implements LedgerStore {
  readonly place: string
  readonly settings: string
  readonly #path: string
  readonly #options: object
  readonly #make: () => LedgerStore

  constructor(path: string, place: string, options: object, make: () => LedgerStore) {
    this.place = place
    this.settings = JSON.stringify(Object.entries(options).sort())
    this.#path = path
    this.#options = options
    this.#make = make
  }

  refuse(expected: string): never {
    badOption(this.#path, expected, this.#options)
  }

  /** @throws InvalidFieldsError when another configuration has opened the place with other options */
  get #opened(): OpenedStore {
    const found = opened.get(this.place) ?? { store: this.#make(), settings: this.settings, inUse: false }
    if (found.settings !== this.settings) this.refuse('as it was when this process opened the same place')
    opened.set(this.place, found)
    return found
  }

  open(account: string, observer?: LedgerObserver): Awaitable<BalanceLedger> {
    const found = this.#opened
    found.inUse = true
    return found.store.open(account, observer)
  }

  accounts(): AsyncIterable<string> {
    return this.#opened.store.accounts()
  }

  /** Others may have it open, too: `closeLedgers` closes it. */
  close(): Promise<void> {
    return Promise.resolve()
  }
}
