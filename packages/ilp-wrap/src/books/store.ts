import { existsSync } from 'node:fs'
import type { LedgerStore } from '@ilp-wrap/balance'
import { InvalidFieldsError } from '@ilp-wrap/core'
import { withoutUserinfo } from '@ilp-wrap/core/options'
import { levelStore } from '@ilp-wrap/store-level'
import { redisStore } from '@ilp-wrap/store-redis'

export interface StoreOptions {
  /** What all keys in Redis begin with; the store's own default if it is absent. */
  readonly prefix?: string
}

/**
 * The store that a URL names: `redis:` or `rediss:`, or a directory, with or without `level:` before it. It is there
 * already: looking at books makes none.
 *
 * @throws InvalidFieldsError when there is no such directory, or nothing that reads such a URL
 */
export function openStore(url: string, { prefix }: StoreOptions): LedgerStore {
  const scheme = /^([a-z][a-z0-9+.-]+):/.exec(url)?.[1]
  if (scheme === 'redis' || scheme === 'rediss') {
    // one that waits asks again when an answer is lost, so that a change is made once
    return redisStore({ url, onUnavailable: 'wait', ...(prefix !== undefined && { prefix }) })
  }
  if (scheme !== undefined && scheme !== 'level') {
    throw new InvalidFieldsError(`Expected a store at redis:, rediss:, level: or a directory, got \`${scheme}:\``)
  }
  if (prefix !== undefined) throw new InvalidFieldsError('`--prefix` is for stores in Redis')
  const location = scheme === undefined ? url : url.slice('level:'.length)
  if (!existsSync(location)) throw new InvalidFieldsError(`There is no store at ${withoutUserinfo(location)}`)
  return levelStore({ location })
}
