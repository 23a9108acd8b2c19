import { events, pluginTraits, wrap } from '@ilp-wrap/core'
import type { Context, DataHandler, MoneyHandler, PluginEvent, PluginV2 } from '@ilp-wrap/core'
import { MemoryLog, MockPlugin, mockPair, prepare, testClock } from '@ilp-wrap/testing'
import type { MockPeer, TestClock } from '@ilp-wrap/testing'
import { balance, balanceOf } from '../src/index.js'
import type { BalanceHandle, BalanceOptions, LedgerSnapshot } from '../src/index.js'

export interface Fixture {
  clock: TestClock
  inner: MockPlugin
  peer: MockPeer
  plugin: PluginV2
  handle: BalanceHandle
  log: MemoryLog
  /** All events so far. */
  seen: PluginEvent[]
  /** The events of one type, without what every event has. */
  told: (type: PluginEvent['type']) => object[]
  /** A prepare that expires in 30 s by the test's clock. */
  packet: (amount: bigint | number, expiresInMs?: number) => Buffer
  /** The committed balance and both holds. */
  books: () => Promise<[bigint, bigint, bigint]>
}

export interface SetupOptions extends Partial<BalanceOptions> {
  context?: Context
  onData?: DataHandler
  onMoney?: MoneyHandler
}

/** A connected plugin with nothing but `balance()` around it, a host that answers as told, and a peer for the test. */
export function setup({ context, onData, onMoney, ...options }: SetupOptions = {}): Fixture {
  const clock = testClock()
  const { plugin: inner, peer } = mockPair({ connected: true })
  const log = new MemoryLog()
  const plugin = wrap(inner, [balance({ maximum: 1000n, ...options })], { clock, log, ...context })
  if (onData !== undefined) plugin.registerDataHandler(onData)
  if (onMoney !== undefined) plugin.registerMoneyHandler(onMoney)
  const seen: PluginEvent[] = []
  events(plugin).subscribe((event) => seen.push(event))
  const handle = balanceOf(plugin)
  return {
    clock,
    inner,
    peer,
    plugin,
    handle,
    log,
    seen,
    told: (type) =>
      seen
        .filter((event) => event.type === type)
        .map((event) => Object.fromEntries(Object.entries(event).filter(([name]) => !STAMPS.includes(name)))),
    packet: (amount, expiresInMs = 30_000) => prepare({ amount, expiresAt: clock.now() + expiresInMs }),
    books: async () => {
      const { committed, holdsIn, holdsOut }: LedgerSnapshot = await handle.snapshot()
      return [committed, holdsIn, holdsOut]
    }
  }
}

const STAMPS = ['type', 'source', 'at']

/** A promise that the test settles. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((fulfilled, failed) => {
    resolve = fulfilled
    reject = failed
  })
  return { promise, resolve, reject }
}

/** A plugin whose fulfilled transfers have moved money. */
export class SettlingPlugin extends MockPlugin {
  readonly [pluginTraits]: readonly string[] = ['transfers-settle']
}
