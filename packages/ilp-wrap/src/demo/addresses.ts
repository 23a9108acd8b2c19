import { defineMiddleware } from '@ilp-wrap/core'
import type { Middleware } from '@ilp-wrap/core'
import { prepareDestination } from '@ilp-wrap/core/packet'
import { serializeIlpFulfill } from 'ilp-packet'

/**
 * The one thing that a STREAM endpoint asks its connector for: its own address (IL-DCP, RFC 0031). There is no connector
 * in the demo, so each end is told by this, next to its host.
 */
export function addresses(account: string, assetCode: string, assetScale: number): Middleware {
  const answer = serializeIlpFulfill({
    fulfillment: Buffer.alloc(32),
    data: Buffer.concat([varOctets(account), Buffer.of(assetScale), varOctets(assetCode)])
  })
  return defineMiddleware({ name: 'addresses', place: { outgoing: 'any' } }, () => ({
    sendData: (data, next) => (prepareDestination(data) === 'peer.config' ? Promise.resolve(answer) : next(data))
  }))
}

/** A string of less than 128 bytes, after its length (RFC 0030, "Variable-length octet strings"). */
function varOctets(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.of(bytes.length), bytes])
}
