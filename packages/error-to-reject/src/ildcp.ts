import { fulfillData, octetsEnd, octetsStart } from '@ilp-wrap/core/packet'

/** Where a child asks its parent for its own address (RFC 0031). */
export const CONFIG = 'peer.config'

/**
 * The address that an answer to `peer.config` assigns (RFC 0031, "Response Packet": the address, a byte of scale and the
 * asset's code); undefined if it is no such answer. Whether the text is an address is not looked at.
 */
export function assignedAddress(reply: Buffer): string | undefined {
  const data = fulfillData(reply)
  if (data === undefined) return undefined
  const end = octetsEnd(data, 0, data.length)
  if (end < 0 || octetsEnd(data, end + 1, data.length) < 0) return undefined
  return data.toString('ascii', octetsStart(data, 0), end)
}
