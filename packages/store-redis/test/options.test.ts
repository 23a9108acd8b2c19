import { InvalidFieldsError } from '@ilp-wrap/core'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { redisStore } from '../src/index.js'
import type { RedisStoreOptions } from '../src/index.js'

const client = new Redis({ lazyConnect: true })

const bad: [title: string, options: object, message: string][] = [
  ['an unknown name', { host: 'localhost' }, 'Unknown option `host`'],
  ['a client that is none', { client: {} }, 'Expected `client` to be a Redis or a Cluster of ioredis'],
  ['null for a client', { client: null }, 'Expected `client` to be a Redis or a Cluster of ioredis'],
  ['a client and a url', { client, url: 'redis://localhost' }, 'Expected `url` to be left out'],
  ['a client and options', { client, options: {} }, 'Expected `options` to be left out'],
  ['a url that is no string', { url: 6379 }, 'Expected `url` to be a string'],
  ['a prefix with braces', { prefix: '{x}' }, 'Expected `prefix` to be a string without braces, got `{x}` (string)'],
  ['another word for onUnavailable', { onUnavailable: 'ignore' }, "Expected `onUnavailable` to be 'reject' or 'wait'"],
  ['no time at all', { timeoutMs: 0 }, 'Expected `timeoutMs` to be a number of milliseconds from 1'],
  [
    'a lease beyond what holds may stay',
    { leaseMs: 20_001 },
    'Expected `leaseMs` to be a number of milliseconds from 100'
  ]
]

describe('redisStore', () => {
  it.each(bad)('refuses %s', (_title, options, message) => {
    expect(() => redisStore(options as RedisStoreOptions)).toThrow(InvalidFieldsError)
    expect(() => redisStore(options as RedisStoreOptions)).toThrow(message)
  })

  it('looks for Redis on this machine when it is not told', async () => {
    const store = redisStore()
    await store.close()
  })
})
