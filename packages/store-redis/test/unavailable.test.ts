import { balance, holdId } from '@ilp-wrap/balance'
import type { BalanceLedger } from '@ilp-wrap/balance'
import { wrap } from '@ilp-wrap/core'
import { isFulfill, rejectCode } from '@ilp-wrap/core/packet'
import { fulfill, mockPair, prepare } from '@ilp-wrap/testing'
import { Redis } from 'ioredis'
import type { RedisOptions } from 'ioredis'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { redisStore } from '../src/index.js'
import { program, startRedis } from './redis-server.js'
import type { RedisServer } from './redis-server.js'
import { FAR, NO_LIMITS, Told, all, books, describeRedis, held, redisForAll, sleep, succeeds, until } from './setup.js'

const AWAY = ['code', 'ILP_WRAP_STORE_UNAVAILABLE'] as const

describeRedis('while Redis is away', () => {
  const redis = redisForAll('--appendonly', 'yes', '--appendfsync', 'always')
  const rejections: unknown[] = []
  const listen = (reason: unknown): number => rejections.push(reason)
  process.on('unhandledRejection', listen)
  afterEach(() => expect(rejections).toEqual([]))
  afterAll(() => process.off('unhandledRejection', listen))

  it('calls fail at once, or at their deadline', async () => {
    for (const onUnavailable of ['reject', 'wait'] as const) {
      const ledger = await redis.open({ onUnavailable, timeoutMs: 300 }).open('alice', new Told())
      const first = await held(ledger, 'in', 5n)
      const again = await held(ledger, 'in', 7n)
      await redis.server().crash()
      await expect(ledger.commit(first)).rejects.toHaveProperty(...AWAY)
      await expect(ledger.hold(again, 'in', 7n, FAR, NO_LIMITS)).rejects.toHaveProperty(...AWAY)
      await expect(ledger.hold(holdId(), 'in', 1n, FAR, NO_LIMITS)).rejects.toHaveProperty(...AWAY)
      await redis.server().start()
      await until(() => succeeds(ledger.commit(first)))
      // what was held is still held after a failure to hold it again
      expect((await ledger.snapshot()).holdsIn).toBe(7n)
      await ledger.release(again)
      expect((await ledger.snapshot()).holdsIn).toBe(0n)
    }
  })

  it('calls wait for its return, and take effect in the order in which they were made', async () => {
    const ledger = await redis.open({ timeoutMs: 10_000 }).open('bob', new Told())
    await redis.server().crash()
    const id = holdId()
    const limits = { maximum: 10n, minimum: undefined }
    const calls = [
      ledger.hold(id, 'in', 10n, FAR, limits),
      ledger.hold(holdId(), 'in', 1n, FAR, limits),
      ledger.release(id),
      sleep(50).then(() => ledger.hold(holdId(), 'in', 2n, FAR, limits))
    ]
    await sleep(100)
    await redis.server().start()
    expect(await all(calls)).toEqual(['held', 'over-limit', undefined, 'held'])
    expect(await books(ledger)).toEqual([0n, 2n, 0n])
  })

  it('a Redis that hangs is known to be away as soon as one call was too late, until it answers again', async () => {
    for (const onUnavailable of ['reject', 'wait'] as const) {
      const ledger = await redis.open({ onUnavailable, timeoutMs: 150 }).open('carol', new Told())
      redis.server().kill('SIGSTOP')
      const ids = [holdId(), holdId(), holdId()]
      await expect(ledger.hold(ids[0]!, 'in', 1n, FAR, NO_LIMITS)).rejects.toHaveProperty(...AWAY)
      const began = performance.now()
      await expect(ledger.hold(ids[1]!, 'in', 2n, FAR, NO_LIMITS)).rejects.toHaveProperty(...AWAY)
      expect(performance.now() - began < 100).toBe(onUnavailable === 'reject')
      // it was never sent: there is nothing to let go of
      await ledger.release(ids[1]!)
      const third = succeeds(ledger.hold(ids[2]!, 'in', 4n, FAR, NO_LIMITS))
      redis.server().kill('SIGCONT')
      const isHeld = await third
      // the hold that was given up takes effect all the same, until it is let go of
      await until(() => succeeds(ledger.snapshot()))
      await until(async () => (await ledger.snapshot()).holdsIn === (isHeld ? 5n : 1n))
      for (const id of ids) await ledger.release(id)
      expect(await books(ledger)).toEqual([0n, 0n, 0n])
    }
  })

  it('packets are answered T00 and none passes unbooked; afterwards they pass by themselves', async () => {
    const store = redis.open({ onUnavailable: 'reject', timeoutMs: 200 })
    const { plugin: inner, peer } = mockPair()
    const plugin = wrap(inner, [balance({ maximum: 1000n, ledger: store })], { account: 'dave' })
    let passed = 0
    peer.onData = async () => {
      passed++
      return fulfill()
    }
    await plugin.connect()
    await plugin.sendData(prepare({ amount: 5n }))
    for (const [stop, start] of [
      [() => redis.server().crash(), () => redis.server().start()],
      [() => redis.server().kill('SIGSTOP'), () => redis.server().kill('SIGCONT')]
    ] as const) {
      await stop()
      const before = passed
      const answers = await Promise.all(Array.from({ length: 20 }, () => plugin.sendData(prepare({ amount: 7n }))))
      expect(answers.map(rejectCode)).toEqual(Array.from({ length: 20 }, () => 'T00'))
      expect(passed).toBe(before)
      await start()
      await until(async () => isFulfill(await plugin.sendData(prepare({ amount: 5n }))))
    }
    const other = await redis.open().open('dave')
    await until(async () => (await books(other)).join() === `${-5 * passed},0,0`)
    await plugin.disconnect()
  })

  it('a server that is killed under load and comes back has lost nothing that was answered', async () => {
    const store = redis.open({ timeoutMs: 5000 })
    const { plugin: inner, peer } = mockPair()
    const plugin = wrap(inner, [balance({ maximum: 1000n, ledger: store })], { account: 'erin' })
    peer.onData = async () => fulfill()
    await plugin.connect()
    let sum = 0n
    let ended = false
    const worker = async (): Promise<void> => {
      while (!ended) if (isFulfill(await plugin.sendData(prepare({ amount: 3n })))) sum += 3n
    }
    const workers = Array.from({ length: 50 }, worker)
    for (let kill = 0; kill < 3; kill++) {
      await sleep(60)
      await redis.server().crash()
      await redis.server().start()
    }
    await sleep(60)
    ended = true
    await Promise.all(workers)
    expect(sum).toBeGreaterThan(0n)
    const other = await redis.open().open('erin')
    await until(async () => (await books(other)).join() === `${-sum},0,0`)
    await plugin.disconnect()
  })

  it('a call ends at its deadline although the wall clock steps back', async () => {
    let step = 0
    const clock = { now: () => Date.now() + step }
    const ledger = await redis.open({ timeoutMs: 300, clock }).open('heidi')
    redis.server().kill('SIGSTOP')
    const began = performance.now()
    const call = succeeds(ledger.snapshot())
    step = -3_600_000
    expect(await call).toBe(false)
    expect(performance.now() - began).toBeLessThan(2000)
    redis.server().kill('SIGCONT')
  })

  it('a store can be closed, and ends what waits', async () => {
    const store = redis.open({ timeoutMs: 10_000 })
    const ledger = await store.open('frank', new Told())
    const id = await held(ledger, 'in', 5n)
    await redis.server().crash()
    const call = ledger.commit(id)
    const other = redis.open({ timeoutMs: 10_000 }).open('frank')
    const ended = [expect(call).rejects.toHaveProperty('code', 'ILP_WRAP_LEDGER_CLOSED'), store.close()]
    await Promise.all(ended)
    await redis.server().start()
    await other
  })

  it('a store that is closed while its calls are under way lets them end', async () => {
    const store = redis.open({ timeoutMs: 300 })
    const ledger = await store.open('grace', new Told())
    redis.server().kill('SIGSTOP')
    const call = expect(ledger.move('x', 1n, 'adjust')).rejects.toThrow()
    await sleep(10)
    await store.close()
    await call
    redis.server().kill('SIGCONT')
  })
})

describe.skipIf(program === undefined)('a client that the host has made', () => {
  it('is connected when it is not yet, and is left alone at the end', async () => {
    const server: RedisServer = await startRedis()
    const client = new Redis(server.url, { lazyConnect: true })
    const store = redisStore({ client })
    await store.open('alice')
    await store.close()
    expect(client.status).toBe('ready')
    expect(['error', 'ready', 'end'].map((name) => client.listenerCount(name))).toEqual([0, 0, 0])
    client.disconnect()
    await server.stop()
  })

  it('fails all calls once it has given up, or the host has ended it', async () => {
    const server = await startRedis()
    const client = new Redis(server.url, {
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => (times < 3 ? 20 : undefined)
    })
    const store = redisStore({ client, timeoutMs: 10_000 })
    const ledger = await store.open('alice')
    const began = performance.now()
    await server.crash()
    await expect(ledger.snapshot()).rejects.toHaveProperty(...AWAY)
    await expect(ledger.snapshot()).rejects.toHaveProperty(...AWAY)
    expect(performance.now() - began).toBeLessThan(5000)
    await store.close()
    await server.stop()
  })

  it('asks again when a server says that it cannot do it now', async () => {
    const server = await startRedis()
    const client = new Redis(server.url)
    const store = redisStore({ client, timeoutMs: 20_000 })
    const ledger = await store.open('alice')
    const full = () => client.config('SET', 'maxmemory', '1')
    await full()
    const moves = [ledger.move('x', 3n, 'adjust'), ledger.move('y', 2n, 'adjust')]
    await sleep(120)
    await client.config('SET', 'maxmemory', '0')
    await all(moves)
    expect((await ledger.snapshot()).committed).toBe(5n)

    // and it may go away before it is asked again
    await full()
    const move = ledger.move('z', 1n, 'adjust')
    await sleep(20)
    await server.crash()
    await sleep(120)
    await server.start()
    await move
    expect((await ledger.snapshot()).committed).toBe(1n)
    await store.close()
    client.disconnect()
    await server.stop()
  })
})

// once a call had been too late nothing was sent until a good answer, which then could not come: the store stayed away
describe.skipIf(program === undefined)('a store whose Redis has recovered', () => {
  /** A server, and a store over it that has given up one call. */
  const stalled = async ({
    options = {},
    hang
  }: {
    options?: RedisOptions
    hang: (raw: Redis, server: RedisServer) => unknown
  }): Promise<{ server: RedisServer; raw: Redis; other: Redis; ledger: BalanceLedger; end: () => Promise<void> }> => {
    const server = await startRedis('--busy-reply-threshold', '400')
    const raw = new Redis(server.url)
    const client = new Redis(server.url, options as object)
    // a script that runs lets nobody in
    const other = new Redis(server.url)
    await other.ping()
    const store = redisStore({ client, timeoutMs: 150, onUnavailable: 'reject' })
    const ledger = await store.open('alice', new Told())
    await hang(raw, server)
    await expect(ledger.move('late', 1n, 'adjust')).rejects.toHaveProperty(...AWAY)
    const end = async (): Promise<void> => {
      await store.close()
      for (const each of [raw, other, client]) each.disconnect()
      await server.stop()
    }
    return { server, raw, other, ledger, end }
  }

  const busy = (raw: Redis): void => {
    raw.eval('while true do end', 0).catch(() => undefined)
  }

  it('goes on after a late answer that it is out of memory', async () => {
    const { server, raw, ledger, end } = await stalled({
      hang: async (client, redis) => {
        await client.config('SET', 'maxmemory', '1')
        redis.kill('SIGSTOP')
      }
    })
    server.kill('SIGCONT')
    await raw.config('SET', 'maxmemory', '0')
    const began = performance.now()
    await until(() => succeeds(ledger.snapshot()))
    // by the answer itself, before anybody asks
    expect(performance.now() - began).toBeLessThan(200)
    await end()
  })

  it('goes on after a script that has kept it busy was killed', async () => {
    const { other, ledger, end } = await stalled({ hang: busy })
    await until(async () => String(await other.call('SCRIPT', 'KILL').catch(String)) === 'OK')
    await until(() => succeeds(ledger.snapshot()))
    await end()
  })

  it('asks by itself, since a client may have given up the call without an answer', async () => {
    const { server, ledger, end } = await stalled({
      options: { commandTimeout: 200 },
      hang: (_, redis) => redis.kill('SIGSTOP')
    })
    await sleep(300)
    server.kill('SIGCONT')
    await until(() => succeeds(ledger.snapshot()))
    await end()
  })

  it('takes an error for an answer, too, when it asks', async () => {
    const { other, ledger, end } = await stalled({ options: { commandTimeout: 200 }, hang: busy })
    const cause = async (): Promise<string> => {
      try {
        await ledger.snapshot()
        return ''
      } catch (error) {
        return String((error as Error).cause)
      }
    }
    await until(async () => (await cause()).includes('BUSY'))
    await other.call('SCRIPT', 'KILL')
    await until(() => succeeds(ledger.snapshot()))
    await end()
  })
})
