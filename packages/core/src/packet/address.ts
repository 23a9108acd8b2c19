import { byteAt } from './bytes.js'

/**
 * ILP addresses (RFC 0015) as bytes. ilp-packet decodes them as 7-bit characters before it looks at them, so the high
 * bit of a byte says nothing here either.
 */

const MAX_LENGTH = 1023

/** The schemes by the character they begin with. */
const SCHEMES: readonly (readonly Uint8Array[])[] = (() => {
  const table: Uint8Array[][] = Array.from({ length: 128 }, () => [])
  for (const scheme of ['g', 'private', 'example', 'peer', 'self', 'test', 'test1', 'test2', 'test3', 'local']) {
    const bytes = Uint8Array.from(Buffer.from(`${scheme}.`))
    table[byteAt(bytes, 0)]?.push(bytes)
  }
  return table
})()

const LETTER = 0
const DOT = 1
const OTHER = 2

/** What a byte is: a character of a segment, the dot between two, or none of an address. */
const KINDS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte & 0x7f)
  if (character === '.') return DOT
  return /[a-zA-Z0-9_~-]/.test(character) ? LETTER : OTHER
})

/** True if the bytes are an address: a scheme, and one or more segments, each after a dot and not empty. */
export function isAddressAt(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end || end - start > MAX_LENGTH) return false
  const segments = schemeEnd(bytes, start, end)
  if (segments < 0) return false
  // a dot stands before `segments`
  let before = DOT
  let wrong = 0
  for (let i = segments; i < end; i++) {
    const kind = KINDS[byteAt(bytes, i)] as number
    // another character, or a dot after a dot
    wrong |= kind & (before | OTHER)
    before = kind
  }
  return (wrong | before) === 0
}

/** Where the scheme with its dot ends, −1 if there is none. */
function schemeEnd(bytes: Uint8Array, start: number, end: number): number {
  for (const scheme of SCHEMES[byteAt(bytes, start) & 0x7f] as readonly Uint8Array[]) {
    if (startsWith(bytes, start, end, scheme)) return start + scheme.length
  }
  return -1
}

function startsWith(bytes: Uint8Array, start: number, end: number, scheme: Uint8Array): boolean {
  const { length } = scheme
  if (end - start < length) return false
  for (let i = 1; i < length; i++) {
    if ((byteAt(bytes, start + i) & 0x7f) !== byteAt(scheme, i)) return false
  }
  return true
}
