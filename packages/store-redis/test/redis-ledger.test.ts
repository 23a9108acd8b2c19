import { holdId } from '@ilp-wrap/balance'
import type { HoldId } from '@ilp-wrap/balance'
import { InvalidFieldsError, InvalidServicesError } from '@ilp-wrap/core'
import { Redis } from 'ioredis'
import { beforeEach, expect, it } from 'vitest'
import { FAR, NO_LIMITS, Told, all, books, describeRedis, held, redisForAll, sleep, until } from './setup.js'

/** What a process has that is gone: nothing happens by itself. */
const NO_TIMER = { ref: () => undefined, unref: () => undefined }

const TERMS = { threshold: 0n, target: 0n, smallest: 1n }

describeRedis('the books of an account in Redis', () => {
  const redis = redisForAll()

  beforeEach(() => redis.raw().flushall())

  const keys = async (): Promise<string[]> => (await redis.raw().keys('*')).sort()

  /** The key of `name` of the one account that there is. */
  const key = async (name: string): Promise<string> => (await keys()).find((found) => found.endsWith(name))!

  it('take one key for an account at rest', async () => {
    const store = redis.open({ leaseMs: 100 })
    const ledger = await store.open('alice', new Told())
    const past = Date.now() - 100_000
    const ids = [await held(ledger, 'in', 5n, past), await held(ledger, 'out', 3n, past)]
    await ledger.commit(ids[0]!)
    await ledger.confirm(ids)
    await ledger.release(ids[1]!)
    await store.close()
    expect(await keys()).toHaveLength(3)

    const other = await redis.open().open('alice', new Told())
    await until(async () => (await keys()).length === 1)
    expect(await redis.raw().get((await keys())[0]!)).toBe('5 0 0')
    expect(await books(other)).toEqual([5n, 0n, 0n])
  })

  it('do in one script what many packets ask for at a time, and all of it in the order of the calls', async () => {
    const ledger = await redis.open().open('alice')
    const ids = Array.from({ length: 1201 }, () => holdId())
    const limits = { maximum: 1000n, minimum: undefined }
    const before = Number(/evalsha:calls=(\d+)/.exec(await redis.raw().info('commandstats'))?.[1] ?? 0)
    const answers = ids.map(async (id) => ledger.hold(id, 'in', 1n, FAR, limits))
    const seen = ledger.snapshot()
    const more = ledger.hold(holdId(), 'out', 7n, FAR, limits)
    expect((await seen).holdsIn).toBe(1000n)
    expect((await seen).holdsOut).toBe(0n)
    expect(await more).toBe('held')
    const held = await Promise.all(answers)
    expect(held.slice(0, 1000).every((answer) => answer === 'held')).toBe(true)
    expect(held.slice(1000).every((answer) => answer === 'over-limit')).toBe(true)
    const after = Number(/evalsha:calls=(\d+)/.exec(await redis.raw().info('commandstats'))![1])
    expect(after - before).toBeLessThan(6)
  })

  it('settle an id in every order within one batch', async () => {
    const ledger = await redis.open().open('alice')
    const id = holdId()
    const answers = [
      ledger.hold(id, 'in', 7n, FAR, NO_LIMITS),
      ledger.release(id),
      ledger.commit(id),
      ledger.release(id),
      ledger.hold(id, 'in', 7n, FAR, NO_LIMITS)
    ]
    expect(await all(answers)).toEqual(['held', undefined, undefined, undefined, 'held'])
    expect(await books(ledger)).toEqual([7n, 0n, 0n])
    expect(await redis.raw().zscore(await key('open'), String(id))).toBe(String(FAR))
    await expect(ledger.commit(holdId())).rejects.toThrow(InvalidFieldsError)
  })

  it('take times that are no whole numbers, or without end', async () => {
    const ledger = await redis.open().open('alice')
    for (const expiresAt of [1.5, Infinity, 1e20]) await ledger.release(await held(ledger, 'in', 1n, expiresAt))
    expect(await books(ledger)).toEqual([0n, 0n, 0n])
  })

  it('are read although a former version has kept a hold that expired before 1970', async () => {
    // such an entry made every script fail for good: one packet of a peer stopped an account, restarts included
    const store = redis.open()
    const ledger = await store.open('alice', new Told())
    const ids = [await held(ledger, 'in', 5n), await held(ledger, 'out', 3n)]
    for (const [index, id] of ids.entries()) {
      const entry = (await redis.raw().hget(await key('holds'), String(id)))!
      await redis.raw().hset(await key('holds'), String(id), entry.replace(/:\d+$/, ':-1'))
      await redis.raw().zadd(await key('open'), -1, String(ids[index]))
    }
    expect((await ledger.outstanding()).holds.map(({ expiresAt }) => expiresAt)).toEqual([-1, -1])
    await ledger.commit(ids[0]!)
    await ledger.confirm([ids[0]!])
    await store.close()
    const told = new Told()
    const next = await redis.open().open('alice', told)
    expect(told.holds).toEqual([{ id: String(ids[1]), direction: 'out', amount: 3n, expiresAt: -1 }])
    expect(await books(next)).toEqual([5n, 0n, 0n])
  })

  it('forget moves an hour after they are closed, adjustments never', async () => {
    const ledger = await redis.open({ leaseMs: 100 }).open('alice', new Told())
    await ledger.move('money', -5n, 'money-in')
    await ledger.move('by hand', 2n, 'adjust')
    const moved = await key('moved')
    const until1 = Number(await redis.raw().zscore(moved, 'money'))
    expect(until1 - Date.now()).toBeGreaterThan(3_590_000)
    await redis.raw().zadd(moved, 1, 'money')
    await until(async () => (await redis.raw().zcard(moved)) === 1)
    expect(await redis.raw().zscore(moved, 'by hand')).toBe('inf')
  })

  it('forget what is settled within minutes, however far off the expiry that the peer has chosen', async () => {
    const year9999 = Date.UTC(9999, 11, 31)
    const ledger = await redis.open({ leaseMs: 100 }).open('alice', new Told())
    const ids = [await held(ledger, 'in', 5n, year9999), await held(ledger, 'out', 3n, year9999)]
    const soon = await held(ledger, 'in', 1n, Date.now() + 30_000)
    await ledger.commit(ids[0]!)
    await ledger.confirm([ids[0]!])
    await ledger.release(ids[1]!)
    await ledger.release(soon)
    const left = async (id: HoldId): Promise<number> =>
      Number(await redis.raw().zscore(await key('settled'), String(id))) - Date.now()
    for (const id of ids) {
      expect(await left(id)).toBeGreaterThan(650_000)
      expect(await left(id)).toBeLessThan(661_000)
    }
    expect(await left(soon)).toBeLessThan(91_000)

    // what a former version has kept is brought down to a day
    await redis.raw().zadd(await key('settled'), year9999, String(ids[0]))
    await until(async () => (await left(ids[0]!)) < 86_461_000)
    expect(await left(ids[0]!)).toBeGreaterThan(86_300_000)
    await ledger.commit(ids[0]!)
    expect(await books(ledger)).toEqual([5n, 0n, 0n])
  })

  it('know for a day what they have let go of for a process that seemed to be gone', async () => {
    const cutOff = await redis.open({ leaseMs: 100, clock: { setTimeout: () => NO_TIMER } }).open('alice')
    const id = await held(cutOff, 'in', 5n)
    const ledger = await redis.open({ leaseMs: 100 }).open('alice', new Told())
    await until(async () => (await ledger.snapshot()).holdsIn === 0n)
    expect(Number(await redis.raw().zscore(await key('settled'), String(id))) - Date.now()).toBeGreaterThan(86_300_000)
    await cutOff.commit(id)
    expect(await books(ledger)).toEqual([5n, 0n, 0n])
  })

  it('let go of outgoing holds within 5 s of their expiry', { timeout: 30_000 }, async () => {
    const told: number[] = []
    const observer = { expired: () => told.push(Date.now()), suspended: () => undefined }
    const dead = await redis.open({ leaseMs: 100, clock: { setTimeout: () => NO_TIMER } }).open('alice')
    const expiresAt = Date.now() + 7200
    await held(dead, 'out', 5n, expiresAt)
    await redis.open().open('alice', observer)
    await until(() => told.length > 0, 20_000)
    expect(told[0]! - expiresAt).toBeLessThan(5000)
  })

  it('forget as much as there is, a part at a time', async () => {
    const ledger = await redis.open().open('alice')
    const id = await held(ledger, 'in', 1n)
    await ledger.release(id)
    const settled = await key('settled')
    const old = redis.raw().pipeline()
    for (let index = 0; index < 1700; index++) old.zadd(settled, 1, `old ${index}`)
    await old.exec()
    await redis.open().open('alice', new Told())
    expect(await redis.raw().zrange(settled, '0', '-1')).toEqual([String(id)])
  })

  it('name the accounts behind a prefix of the client, once each', async () => {
    const client = new Redis(redis.server().url, { keyPrefix: 'app*:' })
    const store = redis.open({ client })
    const names = ['alice', 'bob {x}:y', '', '\ud800']
    for (const name of names) await (await store.open(name)).move('money', 1n, 'money-in')
    await (await redis.open().open('other')).move('money', 1n, 'money-in')
    const found: string[] = []
    for await (const name of store.accounts()) found.push(name)
    expect(found.sort()).toEqual(names.sort())
    await store.close()
    expect(client.status).toBe('ready')
    client.disconnect()
  })

  // ------------------------------------------------------------------------------------------------ what is not its own

  const foreign = ['books', 'holds', 'open', 'settled', 'leases', 'money', 'moved'] as const

  it.each(foreign)('refuse to begin with a value of another type for %s, and name its key', async (name) => {
    const bare = 'test foreign:{1:alice}'
    const wrong = name === 'books' ? bare : `${bare}:${name}`
    await redis.raw().rpush(wrong, 'what')
    for (const prefix of ['test foreign:', 'foreign:']) {
      const client = new Redis(redis.server().url, { keyPrefix: prefix === 'foreign:' ? 'test ' : '' })
      const store = redis.open({ client, prefix })
      const opening = store.open('alice', new Told())
      await expect(opening).rejects.toThrow(InvalidServicesError)
      await expect(opening).rejects.toThrow(wrong)
      await expect(opening).rejects.toHaveProperty('code', 'ILP_WRAP_CORRUPT_STORE')
      await store.close()
      client.disconnect()
    }
    expect(await redis.raw().type(wrong)).toBe('list')
  })

  it.each(['', '12', '1 2', '1 -2 3', 'x 0 0', '1 2 3 4', '{"committed":1}'])(
    'refuse to begin with %j for books',
    async (value) => {
      const store = redis.open()
      await (await store.open('alice')).move('money', 1n, 'money-in')
      const kept = (await keys()).find((found) => found.endsWith('alice}'))!
      await redis.raw().set(kept, value)
      await expect(redis.open().open('alice')).rejects.toThrow(kept)
      expect(await redis.raw().get(kept)).toBe(value)
    }
  )

  it('never begin at zero where only the books are gone', async () => {
    const ledger = await redis.open().open('alice')
    const id = await held(ledger, 'in', 5n)
    const kept = (await keys()).find((found) => found.endsWith('alice}'))!
    await redis.raw().del(kept)
    await expect(redis.open().open('alice')).rejects.toThrow(InvalidServicesError)
    await expect(ledger.commit(id)).rejects.toThrow(kept)
    await expect(ledger.release(id)).rejects.toThrow(kept)
    expect(await redis.raw().exists(kept)).toBe(0)
  })

  it('refuse a foreign entry of one hold, and book the others', async () => {
    const ledger = await redis.open().open('alice')
    const ids = [await held(ledger, 'in', 5n), await held(ledger, 'in', 3n), await held(ledger, 'in', 1n)]
    await redis.raw().hset(await key('holds'), String(ids[0]), 'what', String(ids[1]), 'hi::9')
    const done = await Promise.allSettled([ledger.commit(ids[0]!), ledger.release(ids[1]!), ledger.commit(ids[2]!)])
    expect(done.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
    expect((done[0] as PromiseRejectedResult).reason).toBeInstanceOf(InvalidServicesError)
    expect(String((done[0] as PromiseRejectedResult).reason)).toContain(await key('holds'))
    expect((await ledger.snapshot()).committed).toBe(1n)
    await expect(ledger.outstanding()).rejects.toThrow(InvalidServicesError)
  })

  it('refuse foreign entries of money and leases', async () => {
    const ledger = await redis.open().open('alice')
    await ledger.move('money', 5n, 'money-out')
    const other = await redis.open().open('alice')
    await redis.raw().hset(await key('leases'), (await redis.raw().hkeys(await key('leases')))[0]!, 'soon')
    const leases = await key('leases')
    await expect(other.snapshot()).rejects.toThrow(leases)
    await redis.raw().hset(await key('money'), 'money', '5')
    const wrong = await key('money')
    await expect(ledger.resolve('money', 'sent')).rejects.toThrow(wrong)
    await expect(ledger.settle('next', TERMS)).rejects.toThrow(wrong)
    await expect(ledger.snapshot()).rejects.toThrow(wrong)
  })

  it('miss an entry whose id is open', async () => {
    const ledger = await redis.open().open('alice')
    const id = await held(ledger, 'in', 5n)
    await redis.raw().hdel(await key('holds'), String(id))
    const holds = await key('holds')
    await expect(ledger.outstanding()).rejects.toThrow(holds)
    await expect(redis.open().open('alice', new Told())).rejects.toThrow(holds)
  })

  // ---------------------------------------------------------------------------------------------------- other processes

  /** A process that ends without a word. */
  const mortal = (): { store: ReturnType<typeof redis.open>; die: () => void } => {
    const client = new Redis(redis.server().url, { maxRetriesPerRequest: 0 })
    return { store: redis.open({ client, leaseMs: 200 }), die: () => client.disconnect() }
  }

  it('belong to a process for as long as it lives', async () => {
    const told = new Told()
    const other = await redis.open({ leaseMs: 900 }).open('alice', told)
    const ledger = await redis.open({ leaseMs: 900 }).open('alice', new Told())
    await held(ledger, 'in', 5n)
    await held(ledger, 'out', 3n, Date.now() - 1)
    await ledger.move('money', 7n, 'money-out')
    // both have come round several times
    await sleep(2000)
    expect(await books(other)).toEqual([7n, 5n, 3n])
    expect(await other.settle('next', { threshold: 99n, target: 100n, smallest: 1n })).toBe('sending')
    expect((await other.outstanding()).holds.map(({ lost }) => lost)).toEqual([false, false])
    expect([told.holds, told.money]).toEqual([[], []])
  })

  it('are put in order by any process once the lease of another has ended', async () => {
    const [one, two] = [new Told(), new Told()]
    const { store, die } = mortal()
    const ledger = await store.open('alice', new Told())
    const first = await redis.open({ leaseMs: 200 }).open('alice', one)
    await redis.open({ leaseMs: 200 }).open('alice', two)
    await held(ledger, 'in', 5n)
    const out = await held(ledger, 'out', 3n, 1)
    const booked = await held(ledger, 'in', 11n)
    await ledger.commit(booked)
    await ledger.move('money', 7n, 'money-out')
    die()
    const expected = { id: String(out), direction: 'out', amount: 3n, expiresAt: 1 }
    await until(() => one.holds.length + two.holds.length > 0 && one.money.length + two.money.length === 2)
    // one of them was first to let go of the hold; both learn that money is suspended
    expect([...one.holds, ...two.holds]).toEqual([expected])
    expect([one.money, two.money]).toEqual([[{ id: 'money', amount: 7n }], [{ id: 'money', amount: 7n }]])
    expect(await books(first)).toEqual([18n, 0n, 0n])
    expect(await first.settle('next', TERMS)).toBe('suspended')
    expect(await first.outstanding()).toEqual({
      holds: [],
      unconfirmed: [{ id: String(booked), direction: 'in', amount: 11n, expiresAt: FAR }]
    })
  })

  it('tell a process nothing of the money that it has suspended itself', async () => {
    const told = new Told()
    const ledger = await redis.open({ leaseMs: 100 }).open('alice', told)
    await ledger.move('money', 7n, 'money-out')
    await ledger.suspend('money')
    await sleep(150)
    expect(told.money).toEqual([])
    await ledger.resolve('money', 'sent')
    expect((await ledger.snapshot()).suspended).toEqual([])
  })

  it('are free for others at once when a process has closed', async () => {
    const store = redis.open()
    const ledger = await store.open('alice', new Told())
    await held(ledger, 'in', 5n)
    await store.close()
    expect(await books(await redis.open().open('alice', new Told()))).toEqual([0n, 0n, 0n])
  })

  it('are judged by nobody who has only just seen Redis come back', async () => {
    // a process whose lease ended while Redis was away from all would lose its holds to the first who is back
    const told = new Told()
    const { store, die } = mortal()
    await held(await store.open('alice', new Told()), 'out', 5n, 1)
    const observer = await redis.open({ leaseMs: 2000 }).open('alice', told)
    die()
    await redis.raw().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await redis.raw().del(await key('leases'))
    await sleep(700)
    expect((await observer.snapshot()).holdsOut).toBe(5n)
    await until(() => told.holds.length === 1)
    expect((await observer.snapshot()).holdsOut).toBe(0n)
  })

  it('refuse what comes after the end', async () => {
    const store = redis.open()
    const ledger = await store.open('alice')
    await store.close()
    await store.close()
    const closed = ['code', 'ILP_WRAP_LEDGER_CLOSED'] as const
    await expect(ledger.snapshot()).rejects.toHaveProperty(...closed)
    await expect(ledger.commit(holdId())).rejects.toHaveProperty(...closed)
    await expect(store.open('alice')).rejects.toHaveProperty(...closed)
  })
})
