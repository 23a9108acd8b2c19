import { randomBytes } from 'node:crypto'
import type { BalanceLedger, LedgerObserver, LedgerStore } from '@ilp-wrap/balance'
import type { Clock, Timer } from '@ilp-wrap/core'
import { Redis } from 'ioredis'
import type { RedisOptions } from 'ioredis'
import { closedError } from './errors.js'
import { Keys, accountsOf, booksPattern } from './keys.js'
import { Link } from './link.js'
import type { Client } from './call.js'
import { parseOptions } from './options.js'
import type { RedisStoreOptions, Settings } from './options.js'
import { RedisLedger } from './redis-ledger.js'
import type { Process } from './redis-ledger.js'

/** Accounts that are not at rest are tended so often at least: outgoing holds end within 5 s of their expiry. */
const TENDED_AFTER_MS = 4000

/** How long the end of a connection is waited for. */
const END_MS = 1000

/** So many accounts are tended at once. */
const TENDED_AT_ONCE = 100

/**
 * Books in Redis or Valkey, shared by all processes that use the same Redis and `prefix`. See the README for what it asks
 * of Redis, and for what becomes of the books when a process or Redis ends.
 *
 * @throws InvalidFieldsError for a bad option
 */
export function redisStore(options?: RedisStoreOptions): LedgerStore {
  return new RedisStore(parseOptions(options))
}

class RedisStore implements LedgerStore {
  readonly #settings: Settings
  readonly #client: Client
  readonly #process: Process
  readonly #ledgers = new Map<string, RedisLedger>()
  #timer: Timer | undefined
  #tending: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(settings: Settings) {
    const { client, onUnavailable, timeoutMs, leaseMs, clock } = settings
    this.#settings = settings
    this.#client = client ?? ownClient(settings)
    this.#process = {
      link: new Link(this.#client, onUnavailable, timeoutMs, clock),
      clock,
      owner: randomBytes(12).toString('base64url'),
      leaseMs
    }
  }

  async open(account: string, observer?: LedgerObserver): Promise<BalanceLedger> {
    if (this.#closing !== undefined) throw closedError()
    let ledger = this.#ledgers.get(account)
    if (ledger === undefined) {
      ledger = new RedisLedger(this.#process, new Keys(this.#settings.prefix, account))
      this.#ledgers.set(account, ledger)
    }
    await ledger.open(observer)
    this.#schedule()
    return ledger
  }

  async *accounts(): AsyncGenerator<string> {
    // SCAN, unlike other commands, takes no notice of the prefix that a client gives to keys
    const prefix = (this.#client.options.keyPrefix ?? '') + this.#settings.prefix
    const { link } = this.#process
    // it may find a key twice
    const names = new Set<string>()
    const nodes = await link.call((client) => Promise.resolve('nodes' in client ? client.nodes('master') : [client]))
    for (const node of nodes) {
      let cursor = '0'
      do {
        const from = cursor
        const [next, keys] = await link.call(() => node.scan(from, 'MATCH', booksPattern(prefix), 'COUNT', 1000))
        for (const name of accountsOf(prefix, keys)) names.add(name)
        cursor = next
      } while (cursor !== '0')
    }
    yield* names
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#timer !== undefined) this.#process.clock.clearTimeout(this.#timer)
    // others need not wait for the end of the leases; when Redis is away, they have to
    await this.#each((ledger) => ledger.leave())
    await this.#process.link.close()
    await this.#tending
    if (this.#settings.client === undefined) await end(this.#client, this.#process.clock)
  }

  #schedule(): void {
    const { clock, leaseMs } = this.#process
    if (this.#timer !== undefined || this.#closing !== undefined) return
    this.#timer = clock.setTimeout(
      () => {
        this.#tending = this.#tend()
      },
      Math.min(leaseMs / 3, TENDED_AFTER_MS)
    )
    this.#timer.unref()
  }

  async #tend(): Promise<void> {
    await this.#each(async (ledger) => {
      if (ledger.wantsTending) await ledger.tend()
    })
    this.#timer = undefined
    this.#schedule()
  }

  /** A failure is no news: whoever uses the account sees it, too. */
  async #each(work: (ledger: RedisLedger) => Promise<void>): Promise<void> {
    const ledgers = this.#ledgers.values()
    const workers = Array.from({ length: TENDED_AT_ONCE }, async () => {
      for (const ledger of ledgers) await work(ledger).catch(() => undefined)
    })
    await Promise.all(workers)
  }
}

/**
 * Unlike ioredis by default, it gives commands back as soon as the connection is lost, since a Link decides what becomes
 * of them, and comes back soon.
 */
function ownClient({ url, options }: Settings): Redis {
  const all: RedisOptions & { replyMapping: 'legacy' } = {
    enableAutoPipelining: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2000,
    // a Sentinel that hangs: the next one is asked
    sentinelCommandTimeout: 2000,
    // at the end nothing is expected any more
    disconnectTimeout: 100,
    // a peer that is gone without a word
    socketTimeout: 10_000,
    retryStrategy: (times) => Math.min(10 * 2 ** times, 1000),
    // the node has become a replica: its master is elsewhere
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...options,
    replyMapping: 'legacy'
  }
  return url === undefined ? new Redis(all) : new Redis(url, all)
}

/** Until the connection is gone; a client that waits for a Sentinel may not say when. */
async function end(client: Client, clock: Clock): Promise<void> {
  const connected = ['connecting', 'connect', 'ready'].includes(client.status)
  client.on('error', () => undefined)
  if (!connected) {
    client.disconnect()
    return
  }
  await new Promise<void>((resolve) => {
    const timer = clock.setTimeout(resolve, END_MS)
    client.once('end', () => {
      clock.clearTimeout(timer)
      resolve()
    })
    client.disconnect()
  })
}
