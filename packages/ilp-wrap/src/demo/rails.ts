import type { PluginClass, PluginV2 } from '@ilp-wrap/core'
import { wrap } from '@ilp-wrap/core'
import { compat } from '@ilp-wrap/compat'
import { legacyPair } from '@ilp-wrap/testing'
import { randomBytes } from 'node:crypto'
import { addresses } from './addresses.js'
import { count } from './count.js'
import type { Counts } from './count.js'
import { freePort, openLink } from './link.js'
import { cutter, faults, stack } from './stack.js'

/** What a payment goes over: a wrapped plugin at each end, not yet connected. */
export interface Rails {
  readonly name: RailsName
  readonly sender: PluginV2
  readonly receiver: PluginV2
  /** What the sender's packets came to. */
  readonly counts: Counts
  /** Ends what is not the plugins' own; they are disconnected before. */
  close(): Promise<void>
}

export type RailsName = 'btp' | 'legacy'

export interface RailsOptions {
  /** Units to pay. */
  readonly amount: bigint
  /** What the faults are drawn from. */
  readonly seed: number
}

/** A BTP client and a BTP listener, over a WebSocket on loopback that is slow, flaky and cut now and then. */
export async function btpRails(PluginBtp: PluginClass, { amount, seed }: RailsOptions): Promise<Rails> {
  const port = await freePort()
  const link = await openLink(port)
  const secret = randomBytes(16).toString('hex')
  const listener = new PluginBtp({ listener: { port, secret, wsOpts: { host: '127.0.0.1', port } } })
  const client = new PluginBtp({ server: `btp+ws://:${secret}@127.0.0.1:${link.port}`, reconnectInterval: 20 })
  const counts = noCounts()
  const sender = [faults(seed, cutter(link)), ...stack(amount), count(counts), addresses('test.sender', 'XYZ', 6)]
  const receiver = [...stack(amount), addresses('test.receiver', 'XYZ', 6)]
  return {
    name: 'btp',
    sender: wrap(client, sender, { account: 'sender' }),
    receiver: wrap(listener, receiver, { account: 'receiver' }),
    counts,
    close: () => link.close()
  }
}

/**
 * Two plugins of the interface's version 1 on a ledger in memory, with the quirks of those that were published: packets
 * are conditional transfers there, and what is fulfilled has moved money. They say themselves what their addresses are.
 */
export function legacyRails({ amount, seed }: RailsOptions): Rails {
  const { alice, bob } = legacyPair({ quirks: { doubledEvents: true, pickyReasons: true, reasonlessCancel: true } })
  const counts = noCounts()
  return {
    name: 'legacy',
    sender: wrap(alice, [compat(), faults(seed), ...stack(amount), count(counts)], { account: 'sender' }),
    receiver: wrap(bob, [compat(), ...stack(amount)], { account: 'receiver' }),
    counts,
    close: () => Promise.resolve()
  }
}

function noCounts(): Counts {
  return { packets: 0, units: 0n, outcomes: {} }
}
