import { events, handleOf, wrap } from '@ilp-wrap/core'
import type { Context, PluginEvent, PluginV2, TransferV1 } from '@ilp-wrap/core'
import { MemoryLog, conditionOf, FULFILLMENT, prepare, testClock } from '@ilp-wrap/testing'
import type { TestClock } from '@ilp-wrap/testing'
import type { PrepareFields } from '@ilp-wrap/testing'
import { compat } from '../src/index.js'
import type { CompatHandle, CompatOptions } from '../src/index.js'
import { V1Double } from './v1-double.js'

/**
 * `E.4 no. 1` to `no. 40` in these tests are the edge cases between RFC 0004 and RFC 0024 that compat was asked for.
 */

export interface Setup {
  readonly v1: V1Double
  readonly plugin: PluginV2
  readonly clock: TestClock
  readonly log: MemoryLog
  /** What the stack has reported. */
  readonly seen: PluginEvent[]
  readonly handle: CompatHandle
  /** A prepare that expires 10 s from now. */
  readonly prepare: (fields?: PrepareFields) => Buffer
  /** An incoming transfer that carries such a prepare. */
  readonly incoming: (fields?: Partial<TransferV1>) => TransferV1
}

/** A wrapped v1 plugin whose ledger is the test, not connected yet. */
export function setup(options?: CompatOptions, context?: Context): Setup {
  const clock = testClock()
  const log = new MemoryLog()
  const v1 = new V1Double()
  const plugin = wrap(v1, [compat(options)], { clock, log, ...context })
  const seen: PluginEvent[] = []
  events(plugin).subscribe((event) => seen.push(event))
  let count = 0
  return {
    v1,
    plugin,
    clock,
    log,
    seen,
    handle: handleOf(plugin, 'compat') as CompatHandle,
    prepare: (fields) =>
      prepare({ expiresAt: clock.now() + 10_000, destination: 'test.ledger.peer.bob', amount: 100, ...fields }),
    incoming: (fields) => ({
      id: `in-${++count}`,
      amount: '100',
      ledger: 'test.ledger.',
      from: 'test.ledger.peer',
      to: 'test.ledger.me',
      ilp: ILP,
      executionCondition: CONDITION,
      expiresAt: new Date(clock.now() + 10_000).toISOString(),
      ...fields
    })
  }
}

/** As `setup`, and connected. */
export async function connected(options?: CompatOptions, context?: Context): Promise<Setup> {
  const made = setup(options, context)
  await made.plugin.connect()
  return made
}

export const CONDITION = conditionOf(FULFILLMENT).toString('base64url')
export const PREIMAGE = FULFILLMENT.toString('base64url')

/** A forwarded payment (type 10) to `test.ledger.me.carol` with the data `hello`. */
const ILP = Buffer.concat([
  Buffer.of(10, 28, 20),
  Buffer.from('test.ledger.me.carol'),
  Buffer.of(5),
  Buffer.from('hello'),
  Buffer.of(0)
]).toString('base64url')

/** Lets all pending promises run. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
