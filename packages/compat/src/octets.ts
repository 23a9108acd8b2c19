/** Writes octet strings as the ASN.1 Octet Encoding Rules have them, each length in as few bytes as can be. */

/** How many bytes `length` octets take, their length included. */
export function octetsSize(length: number): number {
  return 1 + lengthBytes(length) + length
}

/** Writes a length at `at`; gives where the octets begin. */
export function writeLength(target: Buffer, at: number, length: number): number {
  const bytes = lengthBytes(length)
  if (bytes === 0) {
    target[at] = length
    return at + 1
  }
  target[at] = 128 + bytes
  return target.writeUIntBE(length, at + 1, bytes)
}

/** Writes an octet string at `at`; gives where it ends. */
export function writeOctets(target: Buffer, at: number, octets: Uint8Array): number {
  const start = writeLength(target, at, octets.length)
  target.set(octets, start)
  return start + octets.length
}

/** How many bytes a length takes beside the first. */
function lengthBytes(length: number): number {
  if (length < 128) return 0
  if (length < 256) return 1
  if (length < 65_536) return 2
  return length < 16_777_216 ? 3 : 4
}
