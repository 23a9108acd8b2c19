import { isValidIlpAddress, serializeIlpReject } from 'ilp-packet'
import { InvalidFieldsError } from '../errors.js'
import { isAddressAt } from './address.js'
import { isBuffer, octetsEnd, octetsStart } from './bytes.js'

/**
 * ILP rejects (RFC 0027, "ILP Reject"): 14, then an octet string that holds the code (3 bytes), who triggered it, the
 * message and the data (octet strings).
 */
export const REJECT = 14

const TRIGGERED_BY = 3

// where the parts are of the reject that `isReject` has just accepted
let contents = 0
let triggeredByEnd = 0
let messageEnd = 0
let dataEnd = 0

/** True if ilp-packet would deserialize it as a reject. False for whatever is no Buffer. */
export function isReject(packet: Uint8Array): boolean {
  if (!isBuffer(packet) || packet[0] !== REJECT) return false
  const end = octetsEnd(packet, 1, packet.length)
  if (end < 0) return false
  contents = octetsStart(packet, 1)
  const triggeredBy = contents + TRIGGERED_BY
  triggeredByEnd = octetsEnd(packet, triggeredBy, end)
  if (triggeredByEnd < 0) return false
  messageEnd = octetsEnd(packet, triggeredByEnd, end)
  if (messageEnd < 0) return false
  dataEnd = octetsEnd(packet, messageEnd, end)
  if (dataEnd < 0) return false
  const address = octetsStart(packet, triggeredBy)
  return address === triggeredByEnd || isAddressAt(packet, address, triggeredByEnd)
}

/** The error code, three characters. */
export function rejectCode(packet: Uint8Array): string | undefined {
  if (!isReject(packet)) return undefined
  // a call of `toString` costs more than these three characters
  const [first, second, third] = [packet[contents], packet[contents + 1], packet[contents + 2]] as [
    number,
    number,
    number
  ]
  return String.fromCharCode(first & 0x7f, second & 0x7f, third & 0x7f)
}

/** The ILP address of who made it; it may be empty. */
export function rejectTriggeredBy(packet: Uint8Array): string | undefined {
  if (!isReject(packet)) return undefined
  return (packet as Buffer).toString('ascii', octetsStart(packet, contents + TRIGGERED_BY), triggeredByEnd)
}

/** The message for people. */
export function rejectMessage(packet: Uint8Array): string | undefined {
  return isReject(packet)
    ? (packet as Buffer).toString('utf8', octetsStart(packet, triggeredByEnd), messageEnd)
    : undefined
}

/** The end-to-end data, sharing the packet's memory. */
export function rejectData(packet: Uint8Array): Buffer | undefined {
  return isReject(packet) ? (packet as Buffer).subarray(octetsStart(packet, messageEnd), dataEnd) : undefined
}

/** What a reject is made of (RFC 0027, "ILP Reject"). */
export interface RejectFields {
  /** F, T or R and two digits (RFC 0027, "Error Codes"). */
  readonly code: string
  /** For people; what does not fit 8191 bytes of UTF-8 is cut off (asn1/InterledgerProtocol.asn). */
  readonly message: string
  /** What programs need, as the code defines it. Default: empty. */
  readonly data?: Buffer
  /** The ILP address of who makes it. Default: empty, for who has none. */
  readonly triggeredBy?: string
}

/** A reject packet. Throws InvalidFieldsError if a field cannot stand in one. */
export function reject(fields: RejectFields): Buffer {
  const { code, message, data = EMPTY, triggeredBy = '' } = fields
  if (typeof code !== 'string' || !/^[FTR][0-9]{2}$/.test(code)) throw badField('code', 'F, T or R and two digits')
  if (typeof message !== 'string') throw badField('message', 'a string')
  if (!isBuffer(data)) throw badField('data', 'a Buffer')
  if (triggeredBy !== '' && !isValidIlpAddress(triggeredBy)) throw badField('triggeredBy', 'an ILP address or empty')
  return serializeIlpReject({ code, message: fitting(message), data, triggeredBy })
}

const EMPTY = Buffer.alloc(0)
const MAX_MESSAGE_BYTES = 8191

/** The message, or as many of its characters as fit. The specification counts characters; bytes are never fewer. */
function fitting(message: string): string {
  // a character of UTF-16 takes three bytes at most
  if (message.length * 3 <= MAX_MESSAGE_BYTES) return message
  return message.slice(0, new TextEncoder().encodeInto(message, new Uint8Array(MAX_MESSAGE_BYTES)).read)
}

function badField(name: string, expected: string): InvalidFieldsError {
  return new InvalidFieldsError(`Expected \`${name}\` of a reject to be ${expected}`)
}

/**
 * The data of an F08 reject, 16 bytes: the amount that came and the greatest that would have passed, both UInt64
 * (asn1/InterledgerErrorData.asn); a sender learns from it how large the next packet may be. Throws InvalidFieldsError
 * if one is no UInt64.
 */
export function amountTooLargeData(received: bigint, maximum: bigint): Buffer {
  if (!isUInt64(received) || !isUInt64(maximum)) throw new InvalidFieldsError('Expected two amounts that fit a UInt64')
  const data = Buffer.alloc(16)
  data.writeBigUInt64BE(received, 0)
  data.writeBigUInt64BE(maximum, 8)
  return data
}

function isUInt64(amount: bigint): boolean {
  return BigInt.asUintN(64, amount) === amount
}
