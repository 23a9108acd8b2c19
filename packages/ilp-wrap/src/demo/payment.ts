import { randomBytes } from 'node:crypto'
import { systemClock } from '@ilp-wrap/core'
import type { Counts } from './count.js'
import type { DemoPackages } from './packages.js'
import type { Rails } from './rails.js'
import { balanceAt, faultsAt } from './stack.js'

export type End = 'sender' | 'receiver'

export interface PaymentOptions {
  /** Units to pay. */
  amount: bigint
  /** The most that one packet may carry, in units. */
  packet: bigint
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
  /** What was done to packets on their way, by kind. */
  faults: Record<string, number>
  durationMs: number
}

type Stream = Pick<DemoPackages, 'startServer' | 'startConnection'>

/** Pays by STREAM from one end of the rails to the other. All sockets and timers are gone when it settles. */
export async function pay(
  { startServer, startConnection }: Stream,
  rails: Rails,
  { amount, packet, onProgress }: PaymentOptions
): Promise<PaymentResult> {
  const { sender, receiver, counts } = rails
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
    await rails.close()
  }
}
