import { FULFILL, isFulfill } from './fulfill.js'
import { PREPARE, isPrepare } from './prepare.js'
import { REJECT, isReject } from './reject.js'

/** The types of ILP packets (RFC 0027, "Packet Format"). */
export type PacketType = 12 | 13 | 14

/** 12 for a prepare, 13 for a fulfill, 14 for a reject, if ilp-packet would deserialize it. */
export function packetType(packet: Uint8Array): PacketType | undefined {
  if (isPrepare(packet)) return PREPARE
  if (isFulfill(packet)) return FULFILL
  return isReject(packet) ? REJECT : undefined
}
