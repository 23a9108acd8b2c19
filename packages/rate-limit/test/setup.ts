import { events, wrap } from '@ilp-wrap/core'
import type { Context, PluginEvent, PluginV2 } from '@ilp-wrap/core'
import { rejectCode } from '@ilp-wrap/core/packet'
import { MemoryLog, fulfill, mockPair, prepare, testClock } from '@ilp-wrap/testing'
import type { MockPeer, PrepareFields, TestClock } from '@ilp-wrap/testing'
import { rateLimit, rateLimitOf } from '../src/index.js'
import type { RateLimitHandle, RateLimitOptions } from '../src/index.js'

export interface Fixture {
  clock: TestClock
  plugin: PluginV2
  peer: MockPeer
  handle: RateLimitHandle
  log: MemoryLog
  seen: PluginEvent[]
  /** What reached the peer, in order. */
  sent: Buffer[]
  /** Sends a prepare that expires in 30 s by the test's clock, and gives the code of its answer. */
  send: (fields?: PrepareFields) => Promise<string>
  /** The same from the peer to the host. */
  receive: (fields?: PrepareFields) => Promise<string>
}

/** A plugin with nothing but `rateLimit()` around it, between a host and a peer that fulfill whatever comes. */
export function setup(options?: RateLimitOptions, context?: Context): Fixture {
  const clock = testClock()
  const { plugin: inner, peer } = mockPair({ connected: true })
  const log = new MemoryLog()
  const plugin = wrap(inner, [rateLimit(options)], { clock, log, ...context })
  const sent: Buffer[] = []
  peer.onData = (data) => {
    sent.push(data)
    return Promise.resolve(fulfill())
  }
  plugin.registerDataHandler(() => Promise.resolve(fulfill()))
  const seen: PluginEvent[] = []
  events(plugin).subscribe((event) => seen.push(event))
  const packet = (fields?: PrepareFields): Buffer => prepare({ expiresAt: clock.now() + 30_000, ...fields })
  return {
    clock,
    plugin,
    peer,
    handle: rateLimitOf(plugin)!,
    log,
    seen,
    sent,
    send: async (fields) => codeOf(await plugin.sendData(packet(fields))),
    receive: async (fields) => codeOf(await peer.sendData(packet(fields)))
  }
}

export function codeOf(reply: Buffer): string {
  return rejectCode(reply) ?? 'fulfilled'
}

/** What a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  let reply: unknown
  try {
    reply = await promise
  } catch (error) {
    return error
  }
  throw new Error(`Expected a rejection, got ${String(reply)}`)
}

/** Whether a promise has settled yet. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = {}
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending
}
