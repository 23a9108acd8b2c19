import { randomBytes } from 'node:crypto'
import { createServer as createSocket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { wrap } from '@ilp-wrap/core'
import type { Middleware, PluginV2 } from '@ilp-wrap/core'
import { addresses } from './addresses.js'
import { count } from './count.js'
import type { Counts } from './count.js'
import { loadDemoPackages } from './packages.js'

export type End = 'sender' | 'receiver'

export interface PaymentOptions {
  /** Units to pay. */
  amount: bigint
  /** The most that one packet may carry, in units. */
  packet: bigint
  /** What stands around each end's plugin, wire first. */
  middleware: (end: End) => readonly Middleware[]
  /** Called now and then with the units that have arrived. */
  onProgress?: (delivered: bigint) => void
  /** Called with each end's plugin once both are connected. */
  onConnected?: (ends: Record<End, PluginV2>) => void
  /** Ends the payment when its signal aborts. */
  signal?: AbortSignal
}

export interface PaymentResult {
  /** Units that the sender counts as delivered. */
  sent: bigint
  /** Units that the receiver has got. */
  delivered: bigint
  counts: Counts
  durationMs: number
}

const ADDRESSES: Record<End, string> = { sender: 'test.sender', receiver: 'test.receiver' }

/**
 * Pays by STREAM from a wrapped BTP client to a wrapped BTP listener, over a WebSocket on loopback. All sockets and
 * timers are gone when it settles.
 */
export async function pay(options: PaymentOptions): Promise<PaymentResult> {
  const { PluginBtp, createConnection, createServer } = await loadDemoPackages()
  const port = await freePort()
  const secret = randomBytes(16).toString('hex')
  const counts: Counts = { packets: 0, units: 0n, outcomes: {} }
  const wrapEnd = (end: End, plugin: PluginV2, extra: readonly Middleware[]): PluginV2 =>
    wrap(plugin, [...options.middleware(end), ...extra, addresses(ADDRESSES[end], 'XYZ', 6)], { account: end })
  const receiver = wrapEnd(
    'receiver',
    new PluginBtp({ listener: { port, secret, wsOpts: { host: '127.0.0.1', port } } }),
    []
  )
  const sender = wrapEnd('sender', new PluginBtp({ server: `btp+ws://:${secret}@127.0.0.1:${port}` }), [count(counts)])

  let delivered = 0n
  try {
    await Promise.all([receiver.connect(), sender.connect()])
    options.onConnected?.({ sender, receiver })
    const server = await createServer({ plugin: receiver, serverSecret: randomBytes(32) })
    server.on('connection', (connection) => {
      connection.on('stream', (stream) => {
        stream.setReceiveMax(options.amount.toString())
        stream.on('money', (amount) => {
          delivered += BigInt(amount)
          options.onProgress?.(delivered)
        })
      })
    })
    const start = performance.now()
    const connection = await createConnection({
      ...server.generateAddressAndSecret(),
      plugin: sender,
      // it holds from the rate probe on, which is why no rate is given here
      maximumPacketAmount: options.packet.toString()
    })
    const broken = new Promise<never>((_, reject) => {
      connection.on('error', reject)
      options.signal?.addEventListener('abort', () => {
        reject(options.signal?.reason as Error)
      })
    })
    await Promise.race([connection.createStream().sendTotal(options.amount.toString()), broken])
    const durationMs = performance.now() - start
    const sent = BigInt(connection.totalDelivered)
    await Promise.race([connection.end(), broken])
    return { sent, delivered, counts, durationMs }
  } finally {
    await Promise.allSettled([sender.disconnect(), receiver.disconnect()])
  }
}

/** A port of loopback that was free a moment ago. */
async function freePort(): Promise<number> {
  const socket = createSocket()
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.listen(0, '127.0.0.1', resolve)
  })
  const { port } = socket.address() as AddressInfo
  await new Promise((resolve) => socket.close(resolve))
  return port
}
