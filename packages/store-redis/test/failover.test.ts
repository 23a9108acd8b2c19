import { balance, holdId } from '@ilp-wrap/balance'
import { events, wrap } from '@ilp-wrap/core'
import { fulfill, mockPair, prepare } from '@ilp-wrap/testing'
import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { startRedis } from './redis-server.js'
import { Proxy } from './proxy.js'
import { FAR, NO_LIMITS, Told, books, describeRedis, held, inStep, redisForAll, until } from './setup.js'

describeRedis('a failover to a replica', () => {
  const redis = redisForAll('--repl-diskless-sync-delay', '0')

  it('loses what the master had not passed on: the books go back, and a commit of a lost hold says so', async () => {
    const between = await Proxy.to(redis.server().port)
    const replica = await startRedis('--replicaof', '127.0.0.1', new URL(between.url).port)
    const behind = new Redis(replica.url)
    const proxy = await Proxy.to(redis.server().port)
    const store = redis.open({ url: proxy.url, prefix: 'failover:' })
    const { plugin: inner, peer } = mockPair()
    const plugin = wrap(inner, [balance({ maximum: 1000n, ledger: store })], { account: 'alice' })
    const lost: bigint[] = []
    events(plugin).subscribe((event) => {
      if (event.type === 'ledger-failed' && event.operation === 'commit' && !event.repeated) lost.push(event.amount!)
    })
    await plugin.connect()
    peer.onData = async () => fulfill()
    await plugin.sendData(prepare({ amount: 5n }))
    const ledger = await store.open('alice')
    const kept = await held(ledger, 'in', 100n)
    await inStep(redis.raw(), behind)

    // the replica hears nothing more
    between.fate = () => 'cut'
    await plugin.sendData(prepare({ amount: 7n }))
    await plugin.sendData(prepare({ amount: 11n }))
    peer.onData = () =>
      new Promise((resolve) => {
        setTimeout(() => resolve(fulfill()), 200)
      })
    const underway = plugin.sendData(prepare({ amount: 13n }))
    await until(async () => (await ledger.snapshot()).holdsOut === 13n)
    await redis.server().crash()
    await behind.replicaof('NO', 'ONE')
    proxy.target = replica.port

    await underway
    await until(() => lost.length > 0)
    // committed before, not passed on: 7 and 11; held before, committed after: 13, which is named
    expect(lost).toEqual([13n])
    expect((await ledger.snapshot()).committed).toBe(-5n)
    await ledger.commit(kept)
    expect(await books(ledger)).toEqual([95n, 0n, 0n])
    await plugin.disconnect()
    await store.close()
    await proxy.close()
    await between.close()
    behind.disconnect()
    await replica.stop()
    await redis.server().start()
  })

  it('is waited for by a client that finds its master become a replica', async () => {
    const store = redis.open({ prefix: 'demoted:', timeoutMs: 5000 })
    const ledger = await store.open('alice', new Told())
    const id = await held(ledger, 'in', 5n)
    await redis.raw().replicaof('127.0.0.1', '1')
    const commit = ledger.commit(id)
    const hold = ledger.hold(holdId(), 'in', 1n, FAR, NO_LIMITS)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await redis.raw().replicaof('NO', 'ONE')
    await commit
    expect(await hold).toBe('held')
    expect(await books(ledger)).toEqual([5n, 1n, 0n])
  })
})
