/** What an account has in Redis, and the type of it. */
export const keyTypes = {
  /** `<committed> <holds in> <holds out>`: all that an account at rest has. */
  books: 'string',
  /** From the id of a hold to its entry, see scripts.ts, until it is forgotten. */
  holds: 'hash',
  /** The ids that are held, or committed and not confirmed, by the expiry of their packet. */
  open: 'zset',
  /** The other ids, by the time at which they may be forgotten. */
  settled: 'zset',
  /** From a process to the end of its lease. */
  leases: 'hash',
  /** From the id of money out that is open to its entry. */
  money: 'hash',
  /** The ids of moves that are closed, by the time at which they may be forgotten; adjustments never are. */
  moved: 'zset'
} as const

export type KeyName = keyof typeof keyTypes

export const keyNames = Object.keys(keyTypes) as readonly KeyName[]

const VERSION = '1'

/**
 * The keys of one account. The part in braces is the hash tag: in a Cluster all keys of an account live in one slot, so
 * that one script may touch them. It begins with the version of what is kept there.
 */
export class Keys {
  readonly books: string

  constructor(prefix: string, account: string) {
    this.books = `${prefix}{${VERSION}:${encode(account)}}`
  }

  get(name: KeyName): string {
    return name === 'books' ? this.books : `${this.books}:${name}`
  }
}

/** What the keys of all books look like, as a glob of SCAN. */
export function booksPattern(prefix: string): string {
  return `${prefix.replace(/[*?[\]\\^]/g, '\\$&')}{${VERSION}:*}`
}

/** The accounts whose books are among `keys`. */
export function accountsOf(prefix: string, keys: readonly string[]): string[] {
  const start = `${prefix}{${VERSION}:`
  return keys
    .filter((key) => key.startsWith(start) && /^([A-Za-z0-9._~-]|%[0-9a-f]{4})*\}$/.test(key.slice(start.length)))
    .map((key) => decode(key.slice(start.length, -1)))
}

/** Any text, lone surrogates included, in characters that mean nothing to Redis; no two texts have the same. */
function encode(account: string): string {
  return account.replace(/[^A-Za-z0-9._~-]/g, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function decode(name: string): string {
  return name.replace(/%([0-9a-f]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}
