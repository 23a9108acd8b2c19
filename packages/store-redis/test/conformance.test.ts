import { ledgerConformance } from '@ilp-wrap/balance/conformance'
import type { LedgerStore } from '@ilp-wrap/balance'
import { Redis } from 'ioredis'
import { describe, it } from 'vitest'
import { redisStore } from '../src/index.js'
import { describeRedis, redisForAll } from './setup.js'

describeRedis('redisStore', () => {
  const { server, raw } = redisForAll()
  let count = 0
  const processes = new Map<LedgerStore, { prefix: string; client: Redis }>()

  const start = (prefix: string): LedgerStore => {
    const client = new Redis(server().url, { enableAutoPipelining: true, maxRetriesPerRequest: 0 })
    const store = redisStore({ client, prefix, leaseMs: 600, timeoutMs: 20_000 })
    processes.set(store, { prefix, client })
    return store
  }

  ledgerConformance({ describe, it }, () => start(`conformance ${++count}:`), {
    // the process is gone, and its lease ends at once instead of by time
    async reopen(store) {
      const { prefix, client } = processes.get(store)!
      client.disconnect()
      const leases = await raw().keys(`${prefix}*:leases`)
      if (leases.length > 0) await raw().del(leases)
      return start(prefix)
    }
  })

  it('has let go of all connections', () => {
    for (const { client } of processes.values()) client.disconnect()
  })
})
