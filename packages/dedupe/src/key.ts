import { hash } from 'node:crypto'
import { octetsStart } from '@ilp-wrap/core/packet'

/** The amount (8 bytes) and the expiry (17) stand first in a prepare, then the condition (RFC 0027, "ILP Prepare"). */
export const CONDITION_FROM_AMOUNT: number = 8 + 17

/** A longer prepare is known by a hash, which saves memory; a shorter one fits in that of a `KeptPacket`. */
const MAX_RAW_LENGTH = 400

/** Where the key begins: at the condition. */
export function keyStart(prepare: Buffer): number {
  return octetsStart(prepare, 1) + CONDITION_FROM_AMOUNT
}

/** Whether the key is a hash. */
export function isLong(prepare: Buffer): boolean {
  return prepare.length > MAX_RAW_LENGTH
}

/**
 * What two prepares have in common that differ in nothing but amount and expiry: the bytes after these, or their SHA-256
 * where they are many. The one is never taken for the other, since the condition and an address are longer than a hash.
 */
export function keyOf(prepare: Buffer): string {
  const start = keyStart(prepare)
  if (!isLong(prepare)) return prepare.toString('latin1', start)
  return hash('sha256', prepare.subarray(start), 'binary')
}

/**
 * A number of 30 bits that is the same for prepares with the same key, and hardly for others: of the condition, which is
 * a hash, and of where the data ends. Tables go by it, since to hash and compare long strings costs several times as much;
 * of two keys with one number, a table holds the later one.
 */
export function printOf(prepare: Buffer): number {
  const condition = prepare.readInt32LE(keyStart(prepare))
  const end = prepare.readInt32LE(prepare.length - 4)
  return (condition ^ Math.imul(end, 0x9e3779b1) ^ prepare.length) >>> 2
}
