import { hash } from 'node:crypto'
import type { TransferV1 } from '@ilp-wrap/core'
import { FULFILL, PREPARE, fulfillData, isPrepare, octetsEnd, octetsStart } from '@ilp-wrap/core/packet'
import { ILP_FORWARDED_PAYMENT, ILP_PAYMENT, decodeFulfillment, encodeFulfillment } from './legacy-packets.js'
import { octetsSize, writeLength, writeOctets } from './octets.js'

/** Packets of ILPv4 as the fields of v1 transfers, and back. A v1 transfer keeps amount, condition and expiry itself. */

/** The contents of a prepare before its destination: amount, expiry and condition. */
const PREPARE_HEAD = 8 + 17 + 32
const CONDITION_AT = 8 + 17
const CONDITION_BYTES = 32
const MAX_UINT64 = 2n ** 64n - 1n

/** The `ilp` field for a prepare: destination and data, which stand in both packets in the same way, as type 10. */
export function ilpOfPrepare(prepare: Buffer): string {
  const start = octetsStart(prepare, 1) + PREPARE_HEAD
  const end = accountAndDataEnd(prepare, start, prepare.length)
  const contents = end - start + 1
  const ilp = Buffer.allocUnsafe(1 + octetsSize(contents))
  ilp[0] = ILP_FORWARDED_PAYMENT
  const at = writeLength(ilp, 1, contents)
  prepare.copy(ilp, at, start, end)
  ilp[ilp.length - 1] = 0
  return ilp.toString('base64url')
}

/** The condition of a prepare, in base64url. */
export function conditionOfPrepare(prepare: Buffer): string {
  const at = octetsStart(prepare, 1) + CONDITION_AT
  return prepare.toString('base64url', at, at + CONDITION_BYTES)
}

/** The prepare that an incoming transfer stands for, or undefined if one of its fields does not fit one. */
export function prepareOfTransfer(transfer: TransferV1): Buffer | undefined {
  const { amount, ilp, executionCondition: condition } = transfer
  if (typeof ilp !== 'string' || !isAmount(amount) || !mayBeBytes32(condition)) return undefined
  const units = BigInt(amount)
  const expiresAt = isoTime(transfer.expiresAt)
  if (units > MAX_UINT64 || expiresAt === undefined) return undefined

  const packet = Buffer.from(ilp, 'base64')
  const start = accountStart(packet)
  if (start < 0) return undefined
  const end = accountAndDataEnd(packet, start, octetsEnd(packet, 1, packet.length))
  if (end < 0) return undefined

  const contents = PREPARE_HEAD + end - start
  const prepare = Buffer.allocUnsafe(1 + octetsSize(contents))
  prepare[0] = PREPARE
  let at = writeLength(prepare, 1, contents)
  at = prepare.writeBigUInt64BE(units, at)
  at = writeDigits(prepare, at, expiresAt)
  if (prepare.write(condition, at, CONDITION_BYTES, 'base64') < CONDITION_BYTES) return undefined
  packet.copy(prepare, at + CONDITION_BYTES, start, end)
  // the address is checked here, and remembered for the layers that ask next
  return isPrepare(prepare) ? prepare : undefined
}

/** Where account and data stand in a packet of type 1, 10 or 12, or −1. */
function accountStart(packet: Buffer): number {
  if (octetsEnd(packet, 1, packet.length) < 0) return -1
  const start = octetsStart(packet, 1)
  switch (packet[0]) {
    case ILP_FORWARDED_PAYMENT:
      return start
    case ILP_PAYMENT:
      return start + 8
    case PREPARE:
      return start + PREPARE_HEAD
    default:
      return -1
  }
}

function accountAndDataEnd(packet: Buffer, start: number, limit: number): number {
  const accountEnd = octetsEnd(packet, start, limit)
  return accountEnd < 0 ? -1 : octetsEnd(packet, accountEnd, limit)
}

/** A fulfill packet. */
export function fulfillOf(fulfillment: Buffer, data: Buffer): Buffer {
  const contents = 32 + octetsSize(data.length)
  const packet = Buffer.allocUnsafe(1 + octetsSize(contents))
  packet[0] = FULFILL
  const at = writeLength(packet, 1, contents)
  packet.set(fulfillment, at)
  writeOctets(packet, at + 32, data)
  return packet
}

/** The third argument of `fulfillCondition`: the data of a fulfill, or undefined if it has none. */
export function ilpOfFulfill(fulfill: Buffer): string | undefined {
  const data = fulfillData(fulfill)
  if (data === undefined || data.length === 0) return undefined
  return encodeFulfillment(data).toString('base64url')
}

/** The data that came with a fulfillment; many v1 plugins lose it. */
export function dataOfFulfillment(ilp: unknown): Buffer {
  if (typeof ilp !== 'string') return NO_DATA
  return decodeFulfillment(Buffer.from(ilp, 'base64')) ?? NO_DATA
}

const NO_DATA = Buffer.alloc(0)

/** 32 bytes in base64, in either alphabet, padded or not. */
export function bytes32(text: unknown): Buffer | undefined {
  if (!mayBeBytes32(text)) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === 32 ? bytes : undefined
}

function mayBeBytes32(text: unknown): text is string {
  return typeof text === 'string' && (text.length === 43 || (text.length === 44 && text.endsWith('=')))
}

/** The condition that a fulfillment fulfills, as a transfer has it. */
export function conditionOf(fulfillment: Buffer): string {
  return hash('sha256', fulfillment, 'base64url')
}

/** Whether it fulfills a condition that `bytes32` takes, in whatever alphabet that is written. */
export function isFulfillmentOf(fulfillment: Buffer, condition: string): boolean {
  const expected = conditionOf(fulfillment)
  return expected === condition || expected === Buffer.from(condition, 'base64').toString('base64url')
}

/** An amount of RFC 0004 that has a counterpart in RFC 0024: digits, and no decimals. */
export function isAmount(amount: unknown): amount is string {
  return typeof amount === 'string' && /^(0|[1-9][0-9]*)$/.test(amount)
}

/** The answer to `peer.config` (RFC 0031): the host's own address, and what the ledger counts in. */
export function configOf(address: string, scale: number, code: string): Buffer {
  const account = Buffer.from(address, 'latin1')
  const currency = Buffer.from(code, 'utf8')
  const data = Buffer.allocUnsafe(octetsSize(account.length) + 1 + octetsSize(currency.length))
  const at = data.writeUInt8(scale, writeOctets(data, 0, account))
  writeOctets(data, at, currency)
  return fulfillOf(Buffer.alloc(32), data)
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** An ISO 8601 time with milliseconds, in UTC, of the years 0 to 9999. */
function isoTime(time: unknown): string | undefined {
  if (typeof time !== 'string') return undefined
  const ms = Date.parse(time)
  if (Number.isNaN(ms)) return undefined
  const iso = ISO.test(time) ? time : new Date(ms).toISOString()
  return iso.length === 24 ? iso : undefined
}

/** The digits of an ISO time are those of a prepare's expiry. */
function writeDigits(target: Buffer, at: number, iso: string): number {
  let next = at
  for (let i = 0; i < iso.length; i++) {
    const code = iso.charCodeAt(i)
    if (code < 48 || code > 57) continue
    target[next++] = code
  }
  return next
}
