import { hash } from 'node:crypto'
import { octetsStart } from '@ilp-wrap/core/packet'

const HASH_LENGTH = 32

/** Where the condition stands in the contents of a prepare: after the amount and the expiry (RFC 0027, "ILP Prepare"). */
const CONDITION = 8 + 17

/** What is hashed is copied here first: an object for each part of a packet would cost more than the copy. */
const preimage = Buffer.alloc(HASH_LENGTH)

/** The condition of a prepare, a character for a byte: cheaper to copy, and to compare, than a Buffer of 32 bytes. */
export function conditionOf(prepare: Buffer): string {
  const start = octetsStart(prepare, 1) + CONDITION
  return prepare.toString('latin1', start, start + HASH_LENGTH)
}

/** Whether the fulfillment of a fulfill is the preimage of a condition: sha256 of it (RFC 0027, "ILP Fulfill"). */
export function isPreimage(fulfill: Buffer, condition: string): boolean {
  const start = octetsStart(fulfill, 1)
  for (let i = 0; i < HASH_LENGTH; i++) preimage[i] = fulfill[start + i] as number
  return hash('sha256', preimage, 'binary') === condition
}
