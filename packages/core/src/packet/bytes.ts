// imported, not global: the global is an accessor, which makes `instanceof` four times as dear
import { Buffer } from 'node:buffer'

/**
 * Octet strings as the ASN.1 Octet Encoding Rules write them: a length, then the octets. A length below 128 is one byte,
 * a greater one a byte of 128 + n and n bytes. What is taken for a length here is exactly what ilp-packet 3 takes.
 */

/** True for a Buffer with bytes in it, false for anything else, things that only claim to be one included. */
export function isBuffer(data: unknown): data is Buffer {
  return ArrayBuffer.isView(data) && data instanceof Buffer
}

/** Where the octets begin of the string whose length stands at `at`; only if `octetsEnd` has accepted it. */
export function octetsStart(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number
  return first < 128 ? at + 1 : at - 127 + first
}

/** Where the string ends whose length stands at `at`, or −1 if it is malformed or would go beyond `limit`. */
export function octetsEnd(bytes: Uint8Array, at: number, limit: number): number {
  if (at >= limit) return -1
  const first = bytes[at] as number
  if (first >= 128) return longOctetsEnd(bytes, at + 1, first - 128, limit)
  const end = at + 1 + first
  return end <= limit ? end : -1
}

/**
 * The least value of a length of n bytes. A length should be as short as can be; ilp-packet computes the bound with
 * 32 bits, so that with five and six bytes it asks for less than that.
 */
const LEAST: readonly number[] = [Infinity, 128, 256, 65_536, 16_777_216, 128, 256]

function longOctetsEnd(bytes: Uint8Array, at: number, size: number, limit: number): number {
  const start = at + size
  if (size > 6 || start > limit) return -1
  let length = 0
  for (let i = at; i < start; i++) length = length * 256 + (bytes[i] as number)
  const end = start + length
  return length >= (LEAST[size] as number) && end <= limit ? end : -1
}
