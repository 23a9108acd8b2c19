import type { RejectionMessageV1 } from '@ilp-wrap/core'
import { reject, rejectCode, rejectData, rejectMessage, rejectTriggeredBy } from '@ilp-wrap/core/packet'
import { isValidIlpAddress } from 'ilp-packet'

/** ILP rejects as the reasons of v1 plugins (RFC 0004, "RejectionMessage"), and back. */

/** What the codes are called (RFC 0027, "Error Codes"; RFC 0003 in the days of v1). */
const NAMES: Readonly<Record<string, string>> = {
  F00: 'Bad Request',
  F01: 'Invalid Packet',
  F02: 'Unreachable',
  F03: 'Invalid Amount',
  F04: 'Insufficient Destination Amount',
  F05: 'Wrong Condition',
  F06: 'Unexpected Payment',
  F07: 'Cannot Receive',
  F08: 'Amount Too Large',
  F99: 'Application Error',
  T00: 'Internal Error',
  T01: 'Ledger Unreachable',
  T02: 'Ledger Busy',
  T03: 'Connector Busy',
  T04: 'Insufficient Liquidity',
  T05: 'Rate Limited',
  T99: 'Application Error',
  R00: 'Transfer Timed Out',
  R01: 'Insufficient Source Amount',
  R02: 'Insufficient Timeout',
  R99: 'Application Error'
}

/** A name that stands for several codes gives the temporary one: what is not known must not be final. */
const CODES: ReadonlyMap<string, string> = new Map([
  ...Object.entries(NAMES)
    .filter(([code]) => code !== 'F99' && code !== 'R99')
    .map(([code, name]): [string, string] => [name, code]),
  ['Peer Unreachable', 'T01'],
  ['Peer Busy', 'T02']
])

const CODE = /^[FTR][0-9]{2}$/

/**
 * The reason for a reject, in the shape that every v1 plugin takes: a Date, an object and a name are dereferenced by
 * some without a look, after they have cancelled on their own side. ilp-plugin-payment-channel-framework carries
 * `additional_info` alone, as 7-bit JSON, hence the message in there once more.
 */
export function reasonOfReject(packet: Buffer, now: number): RejectionMessageV1 {
  const code = rejectCode(packet) ?? 'T00'
  const message = rejectMessage(packet) ?? ''
  const data = rejectData(packet) ?? NO_DATA
  return reasonOf(code, message, rejectTriggeredBy(packet) ?? '', now, data)
}

export function reasonOf(
  code: string,
  message: string,
  triggeredBy: string,
  now: number,
  data: Buffer = NO_DATA
): RejectionMessageV1 {
  const info: Record<string, unknown> = { data: data.toString('base64url') }
  if (ASCII.test(message)) info['message'] = message
  else Object.assign(info, { message: message.replace(NOT_ASCII, '?'), message_utf8: encode(message) })
  return {
    code,
    name: NAMES[code] ?? code,
    message,
    triggered_by: triggeredBy,
    triggered_at: new Date(now),
    additional_info: info
  }
}

/** A reject for the reason of an `outgoing_reject`, which may be anything. */
export function rejectOfReason(reason: unknown): Buffer {
  const given: Fields = typeof reason === 'object' && reason !== null ? reason : {}
  const info = infoOf(given.additional_info)
  return reject({
    code: codeOf(given),
    message: messageOf(reason, given, info),
    triggeredBy: isValidIlpAddress(given.triggered_by) ? given.triggered_by : '',
    data: dataOf(info)
  })
}

/** What a reason and its `additional_info` may hold; each is checked before it counts. */
interface Fields {
  readonly code?: unknown
  readonly name?: unknown
  readonly message?: unknown
  readonly message_utf8?: unknown
  readonly triggered_by?: unknown
  readonly additional_info?: unknown
  readonly data?: unknown
}

const NO_DATA = Buffer.alloc(0)

/** What the data of a packet may hold (RFC 0027); with more, the packet is refused as a whole on its way. */
const MAX_DATA_BYTES = 32_767

// eslint-disable-next-line no-control-regex -- what 7 bits can hold, control characters included
const ASCII = /^[\x00-\x7f]*$/
// eslint-disable-next-line no-control-regex -- as above
const NOT_ASCII = /[^\x00-\x7f]/g

function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url')
}

function codeOf({ code, name }: Fields): string {
  if (typeof code === 'string' && CODE.test(code)) return code
  return (typeof name === 'string' ? CODES.get(name) : undefined) ?? 'T00'
}

function messageOf(reason: unknown, given: Fields, info: Fields): string {
  if (typeof reason === 'string') return reason
  if (typeof given.message === 'string' && given.message !== '') return given.message
  if (typeof info.message_utf8 === 'string') return Buffer.from(info.message_utf8, 'base64').toString('utf8')
  return typeof info.message === 'string' ? info.message : ''
}

function dataOf(info: Fields): Buffer {
  if (typeof info.data !== 'string') return NO_DATA
  const data = Buffer.from(info.data, 'base64')
  return data.length > MAX_DATA_BYTES ? NO_DATA : data
}

/** An object, or JSON of one; ilp-plugin-payment-channel-framework gives the string `not JSON` where there is none. */
function infoOf(additional: unknown): Fields {
  if (typeof additional === 'string') return infoOf(parse(additional))
  return typeof additional === 'object' && additional !== null ? additional : {}
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What a handler's error says to the peer: an ILP error its own code and text, any other nothing of what it is. */
export function errorOf(error: unknown): { code: string; message: string; data: Buffer } {
  const given: { ilpErrorCode?: unknown; ilpErrorData?: unknown; message?: unknown } =
    typeof error === 'object' && error !== null ? error : {}
  const { ilpErrorCode: code, ilpErrorData: data, message } = given
  if (typeof code !== 'string' || !CODE.test(code)) return { code: 'T00', message: 'Internal error', data: NO_DATA }
  return { code, message: typeof message === 'string' ? message : '', data: Buffer.isBuffer(data) ? data : NO_DATA }
}
