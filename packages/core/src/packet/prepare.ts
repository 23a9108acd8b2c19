import { InvalidFieldsError } from '../errors.js'
import { isAddressAt } from './address.js'
import { isBuffer, octetsEnd, octetsStart } from './bytes.js'
import { TIMESTAMP_LENGTH, hasTimestamp, timestampAt, writeTimestamp } from './timestamp.js'

/**
 * ILP prepares (RFC 0027, "ILP Prepare"): 12, then an octet string that holds the amount (8 bytes), the expiry (17), the
 * condition (32), the destination and the data (octet strings). What follows the data is ignored, as ilp-packet does.
 */
export const PREPARE = 12

const EXPIRES_AT = 8
const CONDITION = EXPIRES_AT + TIMESTAMP_LENGTH
const DESTINATION = CONDITION + 32

/**
 * The prepare that was accepted last, and where its parts are. Each layer asks about the same packet again, in the same
 * turn as a rule, and checking it (the address, mostly) costs twenty times as much as finding that it is the same
 * object. Fields are always read afresh, so the amount and the expiry may be written to in place, as RFC 0027 has it;
 * whoever writes to other parts of a packet on its way breaks the contract, and is told only that it was a prepare.
 * What was refused is not remembered.
 */
let last: Uint8Array = Buffer.alloc(0)
let lastLength = 0
let contents = 0
let destinationStart = 0
let destinationEnd = 0
let dataStart = 0
let dataEnd = 0

/** True if ilp-packet would deserialize it as a prepare. False for whatever is no Buffer. */
export function isPrepare(packet: Uint8Array): boolean {
  if (packet === last && packet.length === lastLength && packet[0] === PREPARE) return true
  return locate(packet)
}

function locate(packet: Uint8Array): boolean {
  if (!isBuffer(packet) || packet[0] !== PREPARE) return false
  const end = octetsEnd(packet, 1, packet.length)
  if (end < 0) return false
  const start = octetsStart(packet, 1)
  const destination = start + DESTINATION
  const afterDestination = octetsEnd(packet, destination, end)
  if (afterDestination < 0) return false
  const afterData = octetsEnd(packet, afterDestination, end)
  if (afterData < 0) return false
  if (Number.isNaN(timestampAt(packet, start + EXPIRES_AT))) return false
  const address = octetsStart(packet, destination)
  if (!isAddressAt(packet, address, afterDestination)) return false
  last = packet
  lastLength = packet.length
  contents = start
  destinationStart = address
  destinationEnd = afterDestination
  dataStart = octetsStart(packet, afterDestination)
  dataEnd = afterData
  return true
}

/** The amount in base units. */
export function prepareAmount(packet: Uint8Array): bigint | undefined {
  return isPrepare(packet) ? (packet as Buffer).readBigUInt64BE(contents) : undefined
}

/** When it expires, in milliseconds since 1970. */
export function prepareExpiresAt(packet: Uint8Array): number | undefined {
  if (!isPrepare(packet)) return undefined
  const ms = timestampAt(packet as Buffer, contents + EXPIRES_AT)
  // it has been written to since it was accepted
  return Number.isNaN(ms) ? undefined : ms
}

/** The condition, 32 bytes that share the packet's memory. */
export function prepareCondition(packet: Uint8Array): Buffer | undefined {
  return isPrepare(packet) ? (packet as Buffer).subarray(contents + CONDITION, contents + DESTINATION) : undefined
}

/** The ILP address it goes to. */
export function prepareDestination(packet: Uint8Array): string | undefined {
  return isPrepare(packet) ? (packet as Buffer).toString('ascii', destinationStart, destinationEnd) : undefined
}

/**
 * True for a prepare whose address begins with `peer.`: one for the neighbour itself (RFC 0015, "Allocation Schemes").
 * Read byte by byte: a string per packet would cost more than all that asks for it.
 */
export function isForPeer(packet: Uint8Array): boolean {
  if (!isPrepare(packet)) return false
  for (let i = 0; i < PEER.length; i++) {
    // only seven bits of a character count for ilp-packet
    if (((packet[destinationStart + i] as number) & 0x7f) !== PEER[i]) return false
  }
  return true
}

const PEER = Buffer.from('peer.')

/** The end-to-end data, sharing the packet's memory. */
export function prepareData(packet: Uint8Array): Buffer | undefined {
  return isPrepare(packet) ? (packet as Buffer).subarray(dataStart, dataEnd) : undefined
}

/**
 * A copy of a prepare that expires at `ms`, milliseconds since 1970; fractions are cut off. Only the 17 bytes of the
 * expiry differ. Throws InvalidFieldsError if `packet` is no prepare, or `ms` has no timestamp.
 */
export function withExpiresAt(packet: Uint8Array, ms: number): Buffer {
  const whole = Math.trunc(ms)
  if (!isPrepare(packet)) throw new InvalidFieldsError('Expected an ILP prepare')
  if (!hasTimestamp(whole)) throw new InvalidFieldsError(`Expected an expiry of the years 100 to 9999, got \`${ms}\``)
  const copy = Buffer.from(packet)
  writeTimestamp(copy, contents + EXPIRES_AT, whole)
  return copy
}
