import { InvalidFieldsError } from '@ilp-wrap/core'
import { octetsEnd, octetsStart } from '@ilp-wrap/core/packet'
import { octetsSize, writeOctets, writeLength } from './octets.js'

/**
 * The packets of ILP version 1 that still travel in v1 transfers and messages: payments (type 1), errors (8),
 * fulfillments (9) and forwarded payments (10), as ilp-packet 2 wrote them; ilp-packet 3 has dropped them. Each is a
 * type, then an octet string that ends with an empty list of extensions. What is decoded is exactly what ilp-packet 2
 * takes; decoding never throws, it gives undefined.
 */
export const ILP_PAYMENT = 1
export const ILP_ERROR = 8
export const ILP_FULFILLMENT = 9
export const ILP_FORWARDED_PAYMENT = 10

/** Type 1: the amount is what the receiver should get, in the receiver's units. */
export interface IlpPayment {
  amount: string
  account: string
  data: Buffer
}

/** Type 10: a payment without an amount, since each transfer has its own. */
export interface IlpForwardedPayment {
  account: string
  data: Buffer
}

/** Type 8. All of its strings are ASCII. */
export interface IlpErrorPacket {
  code: string
  name: string
  triggeredBy: string
  forwardedBy: string[]
  triggeredAt: Date
  data: string
}

const NO_EXTENSIONS = 0
const MAX_UINT64 = 2n ** 64n - 1n

export function encodePayment({ amount, account, data }: IlpPayment): Buffer {
  if (!/^(0|[1-9][0-9]*)$/.test(amount) || BigInt(amount) > MAX_UINT64) {
    throw new InvalidFieldsError(`Expected the amount of a payment to be a UInt64, got \`${amount}\``)
  }
  const contents = 8 + octetsSize(account.length) + octetsSize(data.length) + 1
  const packet = envelope(ILP_PAYMENT, contents)
  const at = packet.writeBigUInt64BE(BigInt(amount), packet.length - contents)
  writeAccountAndData(packet, at, account, data)
  return packet
}

export function decodePayment(packet: Buffer): IlpPayment | undefined {
  const reader = LegacyReader.open(packet, ILP_PAYMENT)
  const amount = reader?.take(8)
  const account = reader?.octets()
  const data = reader?.octets()
  if (amount === undefined || account === undefined || data === undefined) return undefined
  return { amount: amount.readBigUInt64BE().toString(), account: account.toString('ascii'), data }
}

export function encodeForwardedPayment({ account, data }: IlpForwardedPayment): Buffer {
  const contents = octetsSize(account.length) + octetsSize(data.length) + 1
  const packet = envelope(ILP_FORWARDED_PAYMENT, contents)
  writeAccountAndData(packet, packet.length - contents, account, data)
  return packet
}

export function decodeForwardedPayment(packet: Buffer): IlpForwardedPayment | undefined {
  const reader = LegacyReader.open(packet, ILP_FORWARDED_PAYMENT)
  const account = reader?.octets()
  const data = reader?.octets()
  if (account === undefined || data === undefined) return undefined
  return { account: account.toString('ascii'), data }
}

/** Type 9: the data that goes with a fulfillment. */
export function encodeFulfillment(data: Buffer): Buffer {
  const contents = octetsSize(data.length) + 1
  const packet = envelope(ILP_FULFILLMENT, contents)
  writeOctets(packet, packet.length - contents, data)
  packet[packet.length - 1] = NO_EXTENSIONS
  return packet
}

/** The data of a type 9 packet, sharing its memory. */
export function decodeFulfillment(packet: Buffer): Buffer | undefined {
  return LegacyReader.open(packet, ILP_FULFILLMENT)?.octets()
}

export function encodeError({ code, name, triggeredBy, forwardedBy, triggeredAt, data }: IlpErrorPacket): Buffer {
  if (code.length !== 3) throw new InvalidFieldsError(`Expected an error code of three characters, got \`${code}\``)
  const contents = Buffer.concat([
    Buffer.from(code, 'latin1'),
    ascii(name),
    ascii(triggeredBy),
    octets(minimalUInt(forwardedBy.length)),
    ...forwardedBy.map(ascii),
    ascii(triggeredAt.toISOString().replace(/[-T:]/g, '')),
    ascii(data),
    Buffer.of(NO_EXTENSIONS)
  ])
  const packet = envelope(ILP_ERROR, contents.length)
  packet.set(contents, packet.length - contents.length)
  return packet
}

export function decodeError(packet: Buffer): IlpErrorPacket | undefined {
  const reader = LegacyReader.open(packet, ILP_ERROR)
  const code = reader?.take(3)
  const name = reader?.octets()
  const triggeredBy = reader?.octets()
  const forwardedBy = reader?.list()
  const triggeredAt = dateOf(reader?.octets())
  const data = reader?.octets()
  if (code === undefined || name === undefined || triggeredBy === undefined) return undefined
  if (forwardedBy === undefined || triggeredAt === undefined || data === undefined) return undefined
  return {
    code: code.toString('ascii'),
    name: name.toString('ascii'),
    triggeredBy: triggeredBy.toString('ascii'),
    forwardedBy,
    triggeredAt,
    data: data.toString('ascii')
  }
}

/** Reads a packet's parts one after the other; undefined for a part that is cut off or malformed. */
class LegacyReader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number

  private constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
  }

  static open(packet: Buffer, type: number): LegacyReader | undefined {
    if (packet[0] !== type) return undefined
    const end = octetsEnd(packet, 1, packet.length)
    return end < 0 ? undefined : new LegacyReader(packet, octetsStart(packet, 1), end)
  }

  take(length: number): Buffer | undefined {
    const start = this.#at
    if (start + length > this.#end) return undefined
    this.#at = start + length
    return this.#bytes.subarray(start, this.#at)
  }

  octets(): Buffer | undefined {
    const end = octetsEnd(this.#bytes, this.#at, this.#end)
    if (end < 0) return undefined
    const start = octetsStart(this.#bytes, this.#at)
    this.#at = end
    return this.#bytes.subarray(start, end)
  }

  list(): string[] | undefined {
    const size = this.octets()
    if (size === undefined || size.length === 0 || size.length > 6) return undefined
    const length = size.readUIntBE(0, size.length)
    const strings: string[] = []
    while (strings.length < length) {
      const each = this.octets()
      if (each === undefined) return undefined
      strings.push(each.toString('ascii'))
    }
    return strings
  }
}

/** A packet of the type, with room for its contents at the end. */
function envelope(type: number, contents: number): Buffer {
  const packet = Buffer.allocUnsafe(1 + octetsSize(contents))
  packet[0] = type
  writeLength(packet, 1, contents)
  return packet
}

function writeAccountAndData(packet: Buffer, at: number, account: string, data: Buffer): void {
  const start = writeLength(packet, at, account.length)
  packet.write(account, start, 'latin1')
  const end = writeOctets(packet, start + account.length, data)
  packet[end] = NO_EXTENSIONS
}

function octets(bytes: Buffer): Buffer {
  const written = Buffer.allocUnsafe(octetsSize(bytes.length))
  writeOctets(written, 0, bytes)
  return written
}

function ascii(text: string): Buffer {
  return octets(Buffer.from(text, 'latin1'))
}

/** A whole number in as few bytes as can be, at least one. */
function minimalUInt(value: number): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

/** `20171224053250.123Z`; other times are taken as `Date` takes them, but for the year 1970's first millisecond. */
function dateOf(octets: Buffer | undefined): Date | undefined {
  if (octets === undefined) return undefined
  const text = octets.toString('ascii')
  const date = new Date(text.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d\.\d{3}Z)$/, '$1-$2-$3T$4:$5:$6'))
  const ms = date.getTime()
  return ms === 0 || Number.isNaN(ms) ? undefined : date
}
