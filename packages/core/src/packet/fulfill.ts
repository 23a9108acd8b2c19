import { isBuffer, octetsEnd, octetsStart } from './bytes.js'

/**
 * ILP fulfills (RFC 0027, "ILP Fulfill"): 13, then an octet string that holds the fulfillment (32 bytes) and the data
 * (an octet string).
 */
export const FULFILL = 13

const DATA = 32

/** True if ilp-packet would deserialize it as a fulfill. False for whatever is no Buffer. */
export function isFulfill(packet: Uint8Array): boolean {
  if (!isBuffer(packet) || packet[0] !== FULFILL) return false
  const end = octetsEnd(packet, 1, packet.length)
  return end >= 0 && octetsEnd(packet, octetsStart(packet, 1) + DATA, end) >= 0
}

/** The fulfillment, 32 bytes that share the packet's memory. */
export function fulfillFulfillment(packet: Uint8Array): Buffer | undefined {
  if (!isFulfill(packet)) return undefined
  const contents = octetsStart(packet, 1)
  return (packet as Buffer).subarray(contents, contents + DATA)
}

/** The end-to-end data, sharing the packet's memory. */
export function fulfillData(packet: Uint8Array): Buffer | undefined {
  if (!isFulfill(packet)) return undefined
  const data = octetsStart(packet, 1) + DATA
  return (packet as Buffer).subarray(octetsStart(packet, data), octetsEnd(packet, data, packet.length))
}
