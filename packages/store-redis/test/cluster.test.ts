import { holdId } from '@ilp-wrap/balance'
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { keyNames, Keys } from '../src/keys.js'
import { redisStore } from '../src/index.js'
import { scripts } from '../src/scripts.js'
import { startRedis } from './redis-server.js'
import type { RedisServer } from './redis-server.js'
import { FAR, NO_LIMITS, Told, books, describeRedis, succeeds, until } from './setup.js'

const NAMES = ['alice', '', '{a}', 'a{b', 'a}b', '{}', 'ä {1:x}', 'bob', 'carol', 'dave']

describeRedis('a Cluster', () => {
  const servers: RedisServer[] = []
  const nodes: Redis[] = []
  let cluster: Cluster

  beforeAll(async () => {
    for (let count = 0; count < 2; count++) {
      const server = await startRedis('--cluster-enabled', 'yes')
      servers.push(server)
      nodes.push(new Redis(server.url))
    }
    const [one, two] = nodes as [Redis, Redis]
    await one.cluster('ADDSLOTSRANGE', 0, 8191)
    await two.cluster('ADDSLOTSRANGE', 8192, 16383)
    await one.cluster('MEET', '127.0.0.1', servers[1]!.port)
    for (const node of nodes) await until(async () => (await node.cluster('INFO')).includes('cluster_state:ok'))
    cluster = new Cluster([{ host: '127.0.0.1', port: servers[0]!.port }], { enableAutoPipelining: true })
  })
  afterAll(async () => {
    cluster.disconnect()
    for (const node of nodes) node.disconnect()
    for (const server of servers) await server.stop()
  })

  it('has all keys of an account in one slot, and accounts in many', async () => {
    const slots = new Set<number>()
    for (const name of NAMES) {
      const keys = new Keys('any prefix:', name)
      const found = await Promise.all(keyNames.map((key) => nodes[0]!.cluster('KEYSLOT', keys.get(key))))
      expect(new Set(found).size).toBe(1)
      slots.add(Number(found[0]))
    }
    expect(slots.size).toBe(NAMES.length)
  })

  it('would refuse a script whose keys are in several slots', async () => {
    const keys = scripts.check.keys.map((name) => `no tag:${name}`)
    await expect(cluster.eval(scripts.check.lua, keys.length, ...keys)).rejects.toThrow(/slot/i)
  })

  it('keeps the books of accounts on all its nodes', async () => {
    const store = redisStore({ client: cluster, prefix: 'cluster:', leaseMs: 100 })
    await Promise.all(
      NAMES.map(async (name, index) => {
        const ledger = await store.open(name, new Told())
        const ids = [holdId(), holdId(), holdId()]
        for (const id of ids) expect(await ledger.hold(id, 'in', BigInt(index + 1), FAR, NO_LIMITS)).toBe('held')
        await ledger.commit(ids[0]!)
        await ledger.confirm([ids[0]!])
        await ledger.release(ids[1]!)
        await ledger.move('money', -100n, 'money-in')
        expect(await ledger.settle('payment', { threshold: 0n, target: 0n, smallest: 1n })).toBe(BigInt(99 - index))
        await ledger.suspend('payment')
        await ledger.resolve('payment', 'sent')
        expect(await books(ledger)).toEqual([0n, BigInt(index + 1), 0n])
        expect((await ledger.outstanding()).holds.map(({ id }) => id)).toEqual([String(ids[2])])
      })
    )
    const found: string[] = []
    for await (const name of store.accounts()) found.push(name)
    expect(found.sort()).toEqual([...NAMES].sort())
    for (const node of nodes) expect(await node.dbsize()).toBeGreaterThan(0)
    await store.close()
    expect(cluster.status).toBe('ready')
  })

  it('names a key with a foreign value', async () => {
    const store = redisStore({ client: cluster, prefix: 'foreign:' })
    const { books } = new Keys('foreign:', 'alice')
    await cluster.set(books, 'what')
    await expect(store.open('alice')).rejects.toThrow(books)
    await store.close()
  })

  it('waits while no node has the slot', async () => {
    const store = redisStore({ client: cluster, prefix: 'cluster:', timeoutMs: 5000 })
    const ledger = await store.open('alice')
    const slot = await nodes[0]!.cluster('KEYSLOT', new Keys('cluster:', 'alice').books)
    const slots = cluster.slots as (string[] | undefined)[]
    const known = slots[slot]
    slots[slot] = undefined
    const move = ledger.move('by hand', 7n, 'adjust')
    slots[slot] = known
    await move
    expect((await ledger.snapshot()).committed).toBe(7n)
    await store.close()
  })
})

describeRedis('a Cluster of which one node hangs', () => {
  it('serves the accounts of the others, and all once the node is back', { timeout: 60_000 }, async () => {
    const servers: RedisServer[] = []
    const nodes: Redis[] = []
    for (let count = 0; count < 2; count++) {
      const server = await startRedis('--cluster-enabled', 'yes', '--cluster-require-full-coverage', 'no')
      servers.push(server)
      nodes.push(new Redis(server.url))
    }
    for (const node of nodes) node.on('error', () => undefined)
    const [one, two] = nodes as [Redis, Redis]
    await one.cluster('ADDSLOTSRANGE', 0, 8191)
    await two.cluster('ADDSLOTSRANGE', 8192, 16383)
    await one.cluster('MEET', '127.0.0.1', servers[1]!.port)
    for (const node of nodes) await until(async () => (await node.cluster('INFO')).includes('cluster_state:ok'))
    const cluster = new Cluster(
      servers.map(({ port }) => ({ host: '127.0.0.1', port })),
      { enableAutoPipelining: true }
    )
    const store = redisStore({ client: cluster, prefix: 'hangs:', timeoutMs: 500, onUnavailable: 'reject' })
    const slotOf = (name: string): Promise<number> => one.cluster('KEYSLOT', new Keys('hangs:', name).books)
    const slots = await Promise.all(NAMES.map(slotOf))
    const there = await store.open(NAMES[slots.findIndex((slot) => slot < 8192)]!, new Told())
    const away = await store.open(NAMES[slots.findIndex((slot) => slot >= 8192)]!, new Told())
    for (const ledger of [there, away]) await ledger.move('first', 1n, 'adjust')

    // of one account that was not answered in time, all were taken to be away: `status` stays `ready`, and no call was sent
    servers[1]!.kill('SIGSTOP')
    expect(await succeeds(away.snapshot())).toBe(false)
    expect(await succeeds(there.snapshot())).toBe(true)
    await servers[1]!.crash()
    await until(() => succeeds(there.snapshot()))
    await servers[1]!.start()
    await until(() => succeeds(away.move('second', 1n, 'adjust')), 30_000)
    expect(await succeeds(there.snapshot())).toBe(true)
    await store.close()
    cluster.disconnect()
    for (const node of nodes) node.disconnect()
    for (const server of servers) await server.stop()
  })
})
