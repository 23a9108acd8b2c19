import { isPrepare, octetsStart } from '@ilp-wrap/core/packet'

/** Where the destination's length stands, from the beginning of a prepare's contents: amount, expiry, condition. */
const DESTINATION = 8 + 17 + 32

/**
 * True for a prepare to an address that begins with `peer.`: one for the neighbour itself (RFC 0015, "Allocation
 * Schemes"). Read byte by byte: a string per packet would cost more than all else here.
 */
export function isForPeer(packet: Buffer): boolean {
  if (!isPrepare(packet)) return false
  const at = octetsStart(packet, octetsStart(packet, 1) + DESTINATION)
  for (let i = 0; i < PEER.length; i++) {
    // only seven bits of a character count for ilp-packet
    if (((packet[at + i] as number) & 0x7f) !== PEER[i]) return false
  }
  return true
}

const PEER = Buffer.from('peer.')
