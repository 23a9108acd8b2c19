import { systemClock } from '@ilp-wrap/core'
import type { Clock } from '@ilp-wrap/core'
import { badOption, choice, known, milliseconds, string } from '@ilp-wrap/core/options'
import type { RedisOptions } from 'ioredis'
import type { Client } from './call.js'
import type { OnUnavailable } from './link.js'

/** One of `client`, `url` and `options` says where Redis is; without any it is at localhost:6379. */
export interface RedisStoreOptions {
  /** A client of ioredis that the host has made and will close: a Redis or a Cluster. It should pipeline by itself. */
  client?: Client
  /** Such as `redis://localhost:6379/0`, or `rediss:` for TLS. */
  url?: string
  /** What ioredis takes, Sentinels included; over what this package needs for a client of its own. */
  options?: RedisOptions
  /** What all keys begin with; no braces. Default: `ilp-wrap:`. */
  prefix?: string
  /** What becomes of calls while Redis is away: they fail at once, or wait until `timeoutMs`. Default: `wait`. */
  onUnavailable?: OnUnavailable
  /** How long a call may take, in milliseconds. Default: 2000. */
  timeoutMs?: number
  /**
   * After how many milliseconds without a sign of life a process counts as gone; from 100 to 20,000. Default: 20,000,
   * since holds of a process that is gone are to be let go of within 60 s.
   */
  leaseMs?: number
  /** For tests. Default: the machine's own time. */
  clock?: Partial<Clock>
}

/** Options after their check. */
export interface Settings {
  readonly client: Client | undefined
  readonly url: string | undefined
  readonly options: RedisOptions
  readonly prefix: string
  readonly onUnavailable: OnUnavailable
  readonly timeoutMs: number
  readonly leaseMs: number
  readonly clock: Clock
}

const NAMES = ['client', 'url', 'options', 'prefix', 'onUnavailable', 'timeoutMs', 'leaseMs', 'clock'] as const

export function parseOptions(given: RedisStoreOptions | undefined): Settings {
  const options = known<RedisStoreOptions>(given, NAMES)
  const { client, url } = options
  if (client !== undefined) {
    if (typeof (client as Partial<Client> | null)?.defineCommand !== 'function') {
      badOption('client', 'a Redis or a Cluster of ioredis', client)
    }
    if (url !== undefined) badOption('url', 'left out where there is a `client`', url)
    if (options.options !== undefined) badOption('options', 'left out where there is a `client`', options.options)
  }
  const prefix = string('prefix', options.prefix ?? 'ilp-wrap:')
  // the hash tag of a Cluster is what stands between the first braces of a key
  if (/[{}]/.test(prefix)) badOption('prefix', 'a string without braces', prefix)
  return {
    client,
    url: url === undefined ? undefined : string('url', url),
    options: options.options ?? {},
    prefix,
    onUnavailable: choice('onUnavailable', options.onUnavailable ?? 'wait', ['reject', 'wait']),
    timeoutMs: milliseconds('timeoutMs', options.timeoutMs ?? 2000, { min: 1, max: 600_000 }),
    leaseMs: milliseconds('leaseMs', options.leaseMs ?? 20_000, { min: 100, max: 20_000 }),
    clock: { ...systemClock, ...options.clock }
  }
}
