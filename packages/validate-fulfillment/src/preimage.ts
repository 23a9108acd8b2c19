import { hash } from 'node:crypto'
import { octetsStart } from '@ilp-wrap/core/packet'

export const HASH_LENGTH = 32

/** Where the condition stands in the contents of a prepare: after the amount and the expiry (RFC 0027, "ILP Prepare"). */
const CONDITION = 8 + 17

/** What is hashed is copied here first: an object for each part of a packet would cost more than the copy. */
const preimage = Buffer.alloc(HASH_LENGTH)

/** Copies the condition of a prepare. */
export function copyCondition(prepare: Buffer, target: Buffer): void {
  copyHash(prepare, octetsStart(prepare, 1) + CONDITION, target)
}

/** Whether the fulfillment of a fulfill is the preimage of a condition: sha256 of it (RFC 0027, "ILP Fulfill"). */
export function isPreimage(fulfill: Buffer, condition: Buffer): boolean {
  copyHash(fulfill, octetsStart(fulfill, 1), preimage)
  return hash('sha256', preimage, 'hex') === condition.toString('hex')
}

function copyHash(source: Buffer, start: number, target: Buffer): void {
  for (let i = 0; i < HASH_LENGTH; i++) target[i] = source[start + i] as number
}
