import { createHash } from 'node:crypto'
import { systemClock } from '@ilp-wrap/core'
import { reject } from '@ilp-wrap/core/packet'
import { serializeIlpFulfill, serializeIlpPrepare } from 'ilp-packet'

/** The fulfillment that `prepare` and `fulfill` agree on when none is given. */
export const FULFILLMENT: Buffer = fulfillmentOf('ilp-wrap')

export interface PrepareFields {
  /** Base units. Default: 1. */
  readonly amount?: bigint | number | string
  /** Milliseconds since 1970. Default: 30 s from now by the machine's clock. */
  readonly expiresAt?: number
  /** Default: `example.receiver`. */
  readonly destination?: string
  /** The 32 bytes that fulfill it, from which the condition is made. Default: `FULFILLMENT`. */
  readonly fulfillment?: Buffer
  /** The condition itself, 32 bytes, for packets that nothing is to fulfill. */
  readonly condition?: Buffer
  /** Default: empty. */
  readonly data?: Buffer
}

/** An ILP prepare. */
export function prepare(fields: PrepareFields = {}): Buffer {
  return serializeIlpPrepare({
    amount: String(fields.amount ?? 1),
    expiresAt: new Date(fields.expiresAt ?? systemClock.now() + 30_000),
    destination: fields.destination ?? 'example.receiver',
    executionCondition: fields.condition ?? conditionOf(fields.fulfillment ?? FULFILLMENT),
    data: fields.data ?? Buffer.alloc(0)
  })
}

export interface FulfillFields {
  /** 32 bytes. Default: `FULFILLMENT`. */
  readonly fulfillment?: Buffer
  /** Default: empty. */
  readonly data?: Buffer
}

/** An ILP fulfill. */
export function fulfill(fields: FulfillFields = {}): Buffer {
  return serializeIlpFulfill({ fulfillment: fields.fulfillment ?? FULFILLMENT, data: fields.data ?? Buffer.alloc(0) })
}

export interface RejectPacketFields {
  /** F, T or R and two digits. */
  readonly code: string
  /** Default: empty. */
  readonly message?: string
  /** Default: empty. */
  readonly triggeredBy?: string
  /** Default: empty. */
  readonly data?: Buffer
}

/** An ILP reject, from its fields or its code alone. */
export function rejectPacket(fields: RejectPacketFields | string): Buffer {
  return reject({ message: '', ...(typeof fields === 'string' ? { code: fields } : fields) })
}

/** 32 bytes that are the same for the same seed. */
export function fulfillmentOf(seed: string | number): Buffer {
  return createHash('sha256').update(String(seed)).digest()
}

/** The condition that a fulfillment fulfills: its SHA-256 (RFC 0027, "ILP Prepare"). */
export function conditionOf(fulfillment: Buffer): Buffer {
  return createHash('sha256').update(fulfillment).digest()
}
