import { events, wrap } from '@ilp-wrap/core'
import type { Context, PluginEvent, PluginV2 } from '@ilp-wrap/core'
import { rejectCode } from '@ilp-wrap/core/packet'
import { Inbox, MockRequest, mockPair, prepare, testClock } from '@ilp-wrap/testing'
import type { MockPeer, PrepareFields, TestClock } from '@ilp-wrap/testing'
import { concurrency, concurrencyOf } from '../src/index.js'
import type { ConcurrencyHandle, ConcurrencyOptions } from '../src/index.js'

export interface Fixture {
  clock: TestClock
  plugin: PluginV2
  peer: MockPeer
  handle: ConcurrencyHandle
  seen: PluginEvent[]
  /** What has reached the peer, and waits for its answer, in order. */
  requests: Inbox<MockRequest>
  /** What has reached the host. */
  received: Inbox<MockRequest>
  /** Sends a prepare that expires in 30 s by the test's clock, and gives the code of its answer. */
  send: (fields?: PrepareFields) => Promise<string>
  /** The same from the peer to the host. */
  receive: (fields?: PrepareFields) => Promise<string>
}

/** A plugin with nothing but `concurrency()` around it, between a host and a peer that answer when they are told to. */
export function setup(options?: ConcurrencyOptions, context?: Context): Fixture {
  const clock = testClock()
  const { plugin: inner, peer } = mockPair({ connected: true })
  const plugin = wrap(inner, [concurrency(options)], { clock, ...context })
  const received = new Inbox<MockRequest>()
  plugin.registerDataHandler(
    (data) =>
      new Promise((resolve, reject: (error: unknown) => void) => {
        received.put(new MockRequest(data, resolve, reject))
      })
  )
  const seen: PluginEvent[] = []
  events(plugin).subscribe((event) => seen.push(event))
  const packet = (fields?: PrepareFields): Buffer => prepare({ expiresAt: clock.now() + 30_000, ...fields })
  return {
    clock,
    plugin,
    peer,
    handle: concurrencyOf(plugin)!,
    seen,
    requests: peer.requests,
    received,
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
