import { resolve } from 'node:path'
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

/** The stores of this process, by where they are: whoever names one place shares it. */
const stores = new Map<string, NamedStore>()

/** `{ "level": { "location": … } }` or `{ "redis": { "url": … } }`. */
export const ledger: Kind = {
  schema: one.schema,
  read(path, value) {
    const given = one.read(path, value) as { level?: LevelStoreOptions; redis?: RedisStoreOptions & { url: string } }
    const [place, ...others] = Object.keys(given)
    if (place === undefined || others.length > 0) badOption(path, 'an object with either `level` or `redis`', value)
    const { level, redis } = given
    if (level !== undefined) {
      const location = resolve(level.location)
      const options = { ...level, location }
      return shared(`${path}.level`, location, options, () => levelStore(options))
    }
    const options = redis as NonNullable<typeof redis>
    return shared(`${path}.redis`, `${options.url} ${options.prefix ?? ''}`, options, () => redisStore(options))
  }
}

/**
 * Ends the stores that configurations name: for a host at its end, when all its plugins are disconnected. It waits two
 * seconds for the last commits to be confirmed, which would be listed as unconfirmed at the next start.
 */
export async function closeLedgers(): Promise<void> {
  await Promise.all([...stores.values()].map((store) => store.close()))
}

function shared(path: string, key: string, options: object, make: () => LedgerStore): LedgerStore {
  const settings = JSON.stringify(Object.entries(options).sort())
  const store = stores.get(key) ?? new NamedStore(settings, make)
  if (store.settings !== settings) badOption(path, 'the same wherever it names the same place', options)
  stores.set(key, store)
  return store
}

/** `balance` confirms what it has passed on within two seconds; a little more. */
const CONFIRMED_MS = 2200

/** Made when it is first used: a configuration that turns out to be wrong has connected to nothing. */
class NamedStore implements LedgerStore {
  readonly settings: string
  readonly #make: () => LedgerStore
  #made: LedgerStore | undefined
  #opened = false

  constructor(settings: string, make: () => LedgerStore) {
    this.settings = settings
    this.#make = make
  }

  get #store(): LedgerStore {
    this.#made ??= this.#make()
    return this.#made
  }

  open(account: string, observer?: LedgerObserver): Awaitable<BalanceLedger> {
    this.#opened = true
    return this.#store.open(account, observer)
  }

  accounts(): AsyncIterable<string> {
    return this.#store.accounts()
  }

  async close(): Promise<void> {
    const [store, opened] = [this.#made, this.#opened]
    this.#made = undefined
    this.#opened = false
    if (opened) await new Promise<void>((resolve) => systemClock.setTimeout(resolve, CONFIRMED_MS))
    await store?.close()
  }
}
