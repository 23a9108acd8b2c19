/**
 * What stands where. A name from outside is written as a JSON string: its quotes delimit it, whatever is in it, so that
 * no two accounts and no two ids share a key. The number in front is the version of all this.
 *
 * | key                    | value                                                             |
 * | ---------------------- | ----------------------------------------------------------------- |
 * | `1/format`             | `ilp-wrap`                                                        |
 * | `1/owner`              | a uuid of the store that has opened it last                       |
 * | `1/balance/"a"`        | `-12`: what is committed; an account that has anything has it     |
 * | `1/hold/"a"/1`         | `held in 7 1764000000000 id`; `committed …` until it is confirmed |
 * | `1/sending/"a"/"id"`   | `sending 7 1` or `suspended 7 1`: amount, place in their order    |
 * | `1/moved/"a"/"id"`     | `1764000000000`: when it was closed; `adjusted` stays for good    |
 * | `1/store/"p"/"key"`    | a value of `store(p)`                                             |
 */
export const VERSION = '1/'

export const FORMAT = { key: '1/format', value: 'ilp-wrap' } as const

/** Whose books these are; those of before there was this key have none. */
export const OWNER = '1/owner'

type Kind = 'balance' | 'hold' | 'sending' | 'moved' | 'store'

/** A key, or what all keys of an account begin with. */
export function keyOf(kind: Kind, name: string, id?: string): string {
  const key = `1/${kind}/${JSON.stringify(name)}`
  return id === undefined ? key : `${key}/${JSON.stringify(id)}`
}

/** All keys that begin with `prefix` and a slash. */
export function under(prefix: string): { gt: string; lt: string } {
  return { gt: `${prefix}/`, lt: `${prefix}0` }
}

/** What follows a prefix and its slash. */
export function restOf(key: string, prefix: string): string {
  return key.slice(prefix.length + 1)
}

/** The name that follows a prefix and its slash; undefined when it is none. */
export function nameIn(key: string, prefix: string): string | undefined {
  try {
    const name: unknown = JSON.parse(restOf(key, prefix))
    return typeof name === 'string' ? name : undefined
  } catch {
    return undefined
  }
}
