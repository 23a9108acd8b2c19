/**
 * ILP addresses (RFC 0015) as bytes. ilp-packet decodes them as 7-bit characters before it looks at them, so the high
 * bit of a byte says nothing here either.
 */

const MAX_LENGTH = 1023

const LETTER = 0
const DOT = 1
const OTHER = 2

/** What a byte is: a character of a segment, the dot between two, or none of an address. */
const KINDS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte & 0x7f)
  if (character === '.') return DOT
  return /[a-zA-Z0-9_~-]/.test(character) ? LETTER : OTHER
})

const NONE = 255
const END = 254

/**
 * The schemes as a tree of states, 256 bytes for each: from one state a byte leads to another, to the END of a scheme
 * and its dot, or to NONE.
 */
const TREE: Uint8Array = treeOf('g private example peer self test test1 test2 test3 local'.split(' '))

function treeOf(schemes: readonly string[]): Uint8Array {
  const tree = [new Array<number>(256).fill(NONE)]
  for (const scheme of schemes) {
    let state = tree[0] as number[]
    for (const byte of Buffer.from(scheme)) {
      if (state[byte] === NONE) state[byte] = state[byte + 128] = tree.push(new Array<number>(256).fill(NONE)) - 1
      state = tree[state[byte] as number] as number[]
    }
    for (const dot of [0x2e, 0xae]) state[dot] = END
  }
  return Uint8Array.from(tree.flat())
}

/** True if the bytes are an address: a scheme, and one or more segments, each after a dot and not empty. */
export function isAddressAt(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > MAX_LENGTH) return false
  const segments = schemeEnd(bytes, start, end)
  if (segments < 0) return false
  // a dot stands before the first segment
  let before = DOT
  let wrong = 0
  for (let i = segments; i < end; i++) {
    const kind = KINDS[bytes[i] as number] as number
    // a byte that has no place, or a dot after a dot
    wrong |= kind & (before | OTHER)
    before = kind
  }
  return (wrong | before) === 0
}

/** Where the scheme with its dot ends, −1 if there is none. */
function schemeEnd(bytes: Uint8Array, start: number, end: number): number {
  let state = 0
  for (let i = start; i < end; i++) {
    state = TREE[state * 256 + (bytes[i] as number)] as number
    if (state === END) return i + 1
    if (state === NONE) return -1
  }
  return -1
}
