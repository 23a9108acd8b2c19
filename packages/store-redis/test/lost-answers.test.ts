import { balance, holdId } from '@ilp-wrap/balance'
import { events, wrap } from '@ilp-wrap/core'
import { isFulfill } from '@ilp-wrap/core/packet'
import { Random, fulfill, mockPair, prepare, rejectPacket } from '@ilp-wrap/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Proxy } from './proxy.js'
import { FAR, NO_LIMITS, Told, books, describeRedis, held, redisForAll, sleep, succeeds, until } from './setup.js'

describeRedis('a connection that is cut between a command and its answer', () => {
  const redis = redisForAll()
  let proxy: Proxy
  beforeEach(async () => {
    await redis.raw().flushall()
    proxy = await Proxy.to(redis.server().port)
  })
  afterEach(() => proxy.close())

  /** Cuts the connection once, at the next piece of data of this direction. */
  const cutOnce = (cut: 'command' | 'answer'): void => {
    proxy.fate = (direction) => {
      if (direction !== cut) return 'pass'
      proxy.fate = () => 'pass'
      return 'cut'
    }
  }

  it('makes each call once, whichever it is', async () => {
    const ledger = await redis.open({ url: proxy.url }).open('alice', new Told())
    const limits = { maximum: 10n, minimum: -10n }
    for (const cut of ['command', 'answer'] as const) {
      const lost = async <T>(call: () => Promise<T> | T): Promise<T> => {
        const before = proxy.cuts
        cutOnce(cut)
        const value = await call()
        expect(proxy.cuts).toBe(before + 1)
        return value
      }
      const ids = [holdId(), holdId()]
      for (const id of ids) expect(await lost(() => ledger.hold(id, 'in', 5n, FAR, limits))).toBe('held')
      expect(await ledger.hold(holdId(), 'in', 1n, FAR, limits)).toBe('over-limit')
      await lost(() => ledger.release(ids[0]!))
      await lost(() => ledger.commit(ids[1]!))
      await lost(() => ledger.confirm(ids))
      await lost(() => ledger.move(`in ${cut}`, -25n, 'money-in'))
      expect(await lost(() => ledger.settle(`out ${cut}`, { threshold: 0n, target: 0n, smallest: 1n }))).toBe(20n)
      await lost(() => ledger.suspend(`out ${cut}`))
      expect((await lost(() => ledger.snapshot())).suspended).toEqual([{ id: `out ${cut}`, amount: 20n }])
      await lost(() => ledger.resolve(`out ${cut}`, 'sent'))
      expect(await lost(() => books(ledger))).toEqual([0n, 0n, 0n])
      expect(await lost(() => ledger.outstanding())).toEqual({ holds: [], unconfirmed: [] })
    }
  })

  it('keeps a hold from taking effect that was given up before it came', async () => {
    const ledger = await redis.open({ url: proxy.url, onUnavailable: 'reject' }).open('alice', new Told())
    const late = holdId()
    cutOnce('command')
    await expect(ledger.hold(late, 'in', 5n, FAR, NO_LIMITS)).rejects.toHaveProperty(
      'code',
      'ILP_WRAP_STORE_UNAVAILABLE'
    )
    await until(() => succeeds(ledger.release(late)))
    // another connection may have held the command back until now
    expect(await ledger.hold(late, 'in', 5n, FAR, NO_LIMITS)).toBe('held')
    expect(await books(ledger)).toEqual([0n, 0n, 0n])
    await expect(ledger.commit(late)).rejects.toThrow('not known')

    cutOnce('command')
    await expect(ledger.move('late', 7n, 'money-out')).rejects.toHaveProperty('code', 'ILP_WRAP_STORE_UNAVAILABLE')
    await until(() => succeeds(ledger.resolve('late', 'not-sent')))
    await ledger.move('late', 7n, 'money-out')
    expect(await books(ledger)).toEqual([0n, 0n, 0n])
  })

  it.each([1, 2, 3])('leaves the books exact, wherever it is cut (seed %i)', async (seed) => {
    const random = new Random(seed)
    proxy.fate = () => (random.next() < 0.1 ? 'cut' : 'pass')
    const store = redis.open({ url: proxy.url, onUnavailable: seed % 2 === 0 ? 'reject' : 'wait' })
    const { plugin: inner, peer } = mockPair()
    const plugin = wrap(inner, [balance({ maximum: 100_000n, minimum: -100_000n, ledger: store })], {
      account: 'alice'
    })
    const failed: unknown[] = []
    events(plugin).subscribe((event) => {
      if (event.type === 'ledger-failed' && event.operation === 'commit' && !event.repeated) failed.push(event)
    })
    const reply = async (): Promise<Buffer> => (random.below(4) === 0 ? rejectPacket('F99') : fulfill())
    peer.onData = reply
    plugin.registerDataHandler(reply)
    await until(async () => succeeds(plugin.connect()))

    let sum = 0n
    const send = async (): Promise<void> => {
      const amount = BigInt(random.below(1000) + 1)
      const incoming = random.below(2) === 0
      const packet = prepare({ amount })
      const answer = await (incoming ? peer.sendData(packet) : plugin.sendData(packet))
      if (isFulfill(answer)) sum += incoming ? amount : -amount
    }
    for (let round = 0; round < 1000 && proxy.cuts < 15; round++) {
      await Promise.all(Array.from({ length: 50 }, send))
      await sleep(2)
    }
    proxy.fate = () => 'pass'
    expect(proxy.cuts).toBeGreaterThan(9)
    expect(sum).not.toBe(0n)

    const other = await redis.open().open('alice')
    await until(async () => {
      const [committed, holdsIn, holdsOut] = await books(other)
      return committed === sum && holdsIn === 0n && holdsOut === 0n
    })
    expect(failed).toEqual([])
    await plugin.disconnect()
  })

  it('gives a hold back that is let go of while nobody knows whether it is held', async () => {
    const ledger = await redis.open({ url: proxy.url, onUnavailable: 'reject' }).open('alice', new Told())
    const id = await held(ledger, 'in', 5n)
    cutOnce('answer')
    await expect(ledger.release(id)).rejects.toHaveProperty('code', 'ILP_WRAP_STORE_UNAVAILABLE')
    await until(() => succeeds(ledger.release(id)))
    expect(await books(ledger)).toEqual([0n, 0n, 0n])
  })

  it('does not keep it from naming a key with a foreign value', async () => {
    await redis.raw().rpush('p:{1:alice}:money', 'what')
    let cuts = 0
    proxy.fate = (direction, data) =>
      direction === 'command' && data.includes('\ntype\r') && cuts++ < 2 ? 'cut' : 'pass'
    await expect(redis.open({ url: proxy.url, prefix: 'p:' }).open('alice')).rejects.toThrow('p:{1:alice}:money')
    expect(proxy.cuts).toBe(2)
  })

  it('does not keep it from naming all accounts', async () => {
    await (await redis.open().open('alice')).move('money', 1n, 'money-in')
    const store = redis.open({ url: proxy.url })
    cutOnce('answer')
    const names: string[] = []
    for await (const name of store.accounts()) names.push(name)
    expect(names).toEqual(['alice'])
    await store.close()
    await expect(store.accounts()[Symbol.asyncIterator]().next()).rejects.toHaveProperty(
      'code',
      'ILP_WRAP_LEDGER_CLOSED'
    )
  })
})
