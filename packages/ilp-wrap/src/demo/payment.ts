import { randomBytes } from 'node:crypto'
import { systemClock, wrap } from '@ilp-wrap/core'
import type { Middleware, PluginV2 } from '@ilp-wrap/core'
import { addresses } from './addresses.js'
import { count } from './count.js'
import type { Counts } from './count.js'
import { freePort, openLink } from './link.js'
import { loadDemoPackages } from './packages.js'
import { balanceAt, demoStack, faultsAt } from './stack.js'

export type End = 'sender' | 'receiver'

export interface PaymentOptions {
  /** Units to pay. */
  amount: bigint
  /** The most that one packet may carry, in units. */
  packet: bigint
  /** What the faults of the link are drawn from. */
  seed: number
  /** Called now and then with the units that have arrived. */
  onProgress?: (delivered: bigint) => void
}

export interface PaymentResult {
  /** Units that the sender counts as delivered. */
  sent: bigint
  /** Units that the receiver has got. */
  delivered: bigint
  /** The books of both ends, each in the view of its owner: above zero is what the peer owes. */
  balances: Record<End, bigint>
  counts: Counts
  /** What the link did to packets, by kind. */
  faults: Record<string, number>
  durationMs: number
}

const ADDRESSES: Record<End, string> = { sender: 'test.sender', receiver: 'test.receiver' }

/**
 * Pays by STREAM from a wrapped BTP client to a wrapped BTP listener, over a WebSocket on loopback whose link is slow
 * and flaky. All sockets and timers are gone when it settles.
 */
export async function pay({ amount, packet, seed, onProgress }: PaymentOptions): Promise<PaymentResult> {
  const { PluginBtp, startServer, startConnection } = await loadDemoPackages()
  const port = await freePort()
  const link = await openLink(port)
  const secret = randomBytes(16).toString('hex')
  const counts: Counts = { packets: 0, units: 0n, outcomes: {} }
  const wrapEnd = (end: End, plugin: PluginV2, extra: readonly Middleware[]): PluginV2 => {
    const list = [...demoStack(end, amount, seed, link), ...extra, addresses(ADDRESSES[end], 'XYZ', 6)]
    return wrap(plugin, list, { account: end })
  }
  const listener = { port, secret, wsOpts: { host: '127.0.0.1', port } }
  const receiver = wrapEnd('receiver', new PluginBtp({ listener }), [])
  const client = new PluginBtp({ server: `btp+ws://:${secret}@127.0.0.1:${link.port}`, reconnectInterval: 20 })
  const sender = wrapEnd('sender', client, [count(counts)])

  let delivered = 0n
  try {
    await Promise.all([receiver.connect(), sender.connect()])
    const server = await startServer({ plugin: receiver, serverSecret: randomBytes(32) })
    server.on('connection', (connection) => {
      connection.on('stream', (stream) => {
        stream.setReceiveMax(amount.toString())
        stream.on('money', (units) => {
          delivered += BigInt(units)
          onProgress?.(delivered)
        })
      })
    })
    const start = systemClock.monotonic()
    const connection = await startConnection({
      ...server.generateAddressAndSecret(),
      plugin: sender,
      // it holds from the rate probe on, which is why no rate is given here
      maximumPacketAmount: packet.toString()
    })
    const broken = new Promise<never>((_, reject) => {
      connection.on('error', reject)
    })
    await Promise.race([connection.createStream().sendTotal(amount.toString()), broken])
    const durationMs = systemClock.monotonic() - start
    await Promise.race([connection.end(), broken])
    return {
      sent: BigInt(connection.totalDelivered),
      delivered,
      balances: { sender: await balanceAt(sender), receiver: await balanceAt(receiver) },
      counts,
      faults: faultsAt(sender),
      durationMs
    }
  } finally {
    await Promise.allSettled([sender.disconnect(), receiver.disconnect()])
    await link.close()
  }
}
