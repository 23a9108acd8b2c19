import { holdId } from '@ilp-wrap/balance'
import type {
  BalanceLedger,
  HoldDirection,
  HoldId,
  LedgerObserver,
  PacketEntry,
  SuspendedMoney
} from '@ilp-wrap/balance'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import { redisStore } from '../src/index.js'
import type { RedisStoreOptions } from '../src/index.js'
import { program, startRedis } from './redis-server.js'
import type { RedisServer } from './redis-server.js'

/** A `describe` that needs a Redis, and is skipped, visibly, where none is installed. */
export function describeRedis(title: string, body: () => void): void {
  if (program === undefined)
    describe.skip(`${title} (skipped: neither redis-server nor valkey-server is installed)`, body)
  else describe(title, body)
}

export interface TestRedis {
  server(): RedisServer
  /** To look behind the scenes. */
  raw(): Redis
  /** Another process, as far as the ledgers can tell. */
  open(options?: RedisStoreOptions): TestStore
}

export type TestStore = ReturnType<typeof redisStore>

/** A server for all tests of a `describe`; each test has keys of its own, and its stores are closed at its end. */
export function redisForAll(...args: string[]): TestRedis {
  let server: RedisServer
  let raw: Redis
  let tests = 0
  const stores: TestStore[] = []
  beforeAll(async () => {
    server = await startRedis(...args)
    raw = new Redis(server.url)
    raw.on('error', () => undefined)
  })
  afterEach(async () => {
    tests++
    for (const store of stores.splice(0)) await store.close()
  })
  afterAll(async () => {
    raw.disconnect()
    await server.stop()
  })
  return {
    server: () => server,
    raw: () => raw,
    open: (options) => {
      const where = options?.client === undefined ? { url: server.url } : {}
      const store = redisStore({ ...where, prefix: `test ${tests}:`, ...options })
      stores.push(store)
      return store
    }
  }
}

export const NO_LIMITS = { maximum: undefined, minimum: undefined }
export const FAR = 8_000_000_000_000

export async function held(
  ledger: BalanceLedger,
  direction: HoldDirection,
  amount: bigint,
  expiresAt: number = FAR
): Promise<HoldId> {
  const id = holdId()
  const answer = await ledger.hold(id, direction, amount, expiresAt, NO_LIMITS)
  if (answer !== 'held') throw new Error(answer)
  return id
}

/** What a ledger has told. */
export class Told implements LedgerObserver {
  readonly holds: PacketEntry[] = []
  readonly money: SuspendedMoney[] = []

  expired(hold: PacketEntry): void {
    this.holds.push(hold)
  }

  suspended(money: SuspendedMoney): void {
    this.money.push(money)
  }
}

/** Committed, holds in, holds out. */
export async function books(ledger: BalanceLedger): Promise<[bigint, bigint, bigint]> {
  const { committed, holdsIn, holdsOut } = await ledger.snapshot()
  return [committed, holdsIn, holdsOut]
}

/** Waits for what another process, or a timer, is to bring about. */
export async function until(condition: () => unknown, ms = 10_000): Promise<void> {
  const end = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`It has not come to be: ${condition.toString()}`)
    await sleep(5)
  }
}

/** Waits until the replica has all that the master has. */
export async function inStep(master: Redis, replica: Redis): Promise<void> {
  const offset = async (client: Redis, name: string): Promise<string | undefined> =>
    new RegExp(`${name}:(\\d+)`).exec(await client.info('replication'))?.[1]
  await until(async () => (await replica.info('replication')).includes('master_link_status:up'))
  await until(async () => (await offset(master, 'master_repl_offset')) === (await offset(replica, 'slave_repl_offset')))
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Whether a call succeeds, whatever it gives. */
export async function succeeds(call: unknown): Promise<boolean> {
  try {
    await call
    return true
  } catch {
    return false
  }
}

/** What calls give that were made together. */
export function all(calls: readonly unknown[]): Promise<unknown[]> {
  return Promise.all(calls.map(async (call) => call))
}
