import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { balance, holdId } from '@ilp-wrap/balance'
import { wrap } from '@ilp-wrap/core'
import { fulfill, mockPair, prepare } from '@ilp-wrap/testing'
import { Redis } from 'ioredis'
import { afterEach, expect, it } from 'vitest'
import { redisStore } from '../src/index.js'
import { startRedis, startSentinel } from './redis-server.js'
import type { RedisServer } from './redis-server.js'
import { FAR, NO_LIMITS, books, describeRedis, held, inStep, until } from './setup.js'

const servers: RedisServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

async function running(server: Promise<RedisServer>): Promise<RedisServer> {
  servers.push(await server)
  return server
}

describeRedis('a store that Sentinels lead to its Redis', () => {
  it(
    'follows them to the next master, with what it has in flight, and on to the first when that is one again',
    { timeout: 90_000 },
    async () => {
      const first = await running(startRedis('--repl-diskless-sync-delay', '0'))
      const second = await running(startRedis('--replicaof', '127.0.0.1', String(first.port)))
      const [master, replica] = [first, second].map(({ url }) => new Redis(url)) as [Redis, Redis]
      for (const client of [master, replica]) client.on('error', () => undefined)
      await inStep(master, replica)
      const sentinel = await running(startSentinel('books', first))
      const asked = new Redis(sentinel.url)
      await until(async () => String(await asked.call('SENTINEL', 'REPLICAS', 'books')).includes(`,${second.port},`))

      const store = redisStore({
        options: { sentinels: [{ host: '127.0.0.1', port: sentinel.port }], name: 'books' },
        timeoutMs: 30_000
      })
      const { plugin: inner, peer } = mockPair()
      peer.onData = async () => fulfill()
      const plugin = wrap(inner, [balance({ maximum: 1000n, ledger: store })], { account: 'alice' })
      await plugin.connect()
      await plugin.sendData(prepare({ amount: 5n }))
      const ledger = await store.open('alice')
      const kept = await held(ledger, 'in', 100n)
      await inStep(master, replica)

      await first.crash()
      const committed = ledger.commit(kept)
      const waiting = ledger.hold(holdId(), 'in', 7n, FAR, NO_LIMITS)
      await committed
      expect(await waiting).toBe('held')
      expect(await books(ledger)).toEqual([95n, 7n, 0n])
      expect(await replica.info('replication')).toContain('role:master')
      await plugin.sendData(prepare({ amount: 3n }))
      expect(await books(ledger)).toEqual([92n, 7n, 0n])

      // comes back as the replica of the second, and is told to take over
      await first.start()
      await until(async () => (await master.info('replication')).includes('role:slave'), 30_000)
      await inStep(replica, master)
      await until(async () => (await asked.call('SENTINEL', 'FAILOVER', 'books').catch(() => 'later')) === 'OK', 20_000)
      await until(async () => (await master.info('replication')).includes('role:master'), 20_000)
      await plugin.sendData(prepare({ amount: 2n }))
      expect(await books(ledger)).toEqual([90n, 7n, 0n])

      await plugin.disconnect()
      await store.close()
      for (const client of [asked, master, replica]) client.disconnect()
    }
  )

  it('asks the next Sentinel when one hangs, and closes although all do', { timeout: 30_000 }, async () => {
    const server = await running(startRedis())
    const sentinel = await running(startSentinel('books', server))
    const silent = createServer()
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const hangs = { host: '127.0.0.1', port: (silent.address() as AddressInfo).port }
    const good = { host: '127.0.0.1', port: sentinel.port }

    const store = redisStore({ options: { sentinels: [hangs, good], name: 'books' }, timeoutMs: 15_000 })
    await (await store.open('alice')).move('by hand', 1n, 'adjust')
    await store.close()

    const other = redisStore({ options: { sentinels: [hangs], name: 'books' }, timeoutMs: 500 })
    await expect(Promise.resolve(other.open('alice'))).rejects.toHaveProperty('code', 'ILP_WRAP_STORE_UNAVAILABLE')
    const began = performance.now()
    await other.close()
    expect(performance.now() - began).toBeLessThan(3000)
    silent.close()
  })
})
