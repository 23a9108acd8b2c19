import { describe as describeStack, errorOutcome, wrap } from '@ilp-wrap/core'
import { rejectMessage, rejectTriggeredBy } from '@ilp-wrap/core/packet'
import { conformance, fulfill, mockPair, prepare, referenceFactory } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { RateLimitedError, minimalOptions, rateLimit } from '../src/index.js'
import type { RateLimitOptions } from '../src/index.js'
import { codeOf, failure, setup } from './setup.js'

conformance({ describe, it }, referenceFactory(), { wrap: rateLimit(minimalOptions) })

const two = { capacity: 2, refillCount: 1, refillMs: 10 }

describe('rateLimit', () => {
  it('answers T05 once the bucket is empty, and lets a packet through again once a token has refilled', async () => {
    const { clock, send, sent } = setup({ outgoing: two })
    expect([await send(), await send(), await send()]).toEqual(['fulfilled', 'fulfilled', 'T05'])
    await clock.advance(9)
    expect(await send()).toBe('T05')
    await clock.advance(1)
    expect([await send(), await send()]).toEqual(['fulfilled', 'T05'])
    expect(sent).toHaveLength(3)
  })

  it('limits packets from the peer in a bucket of their own', async () => {
    const { clock, send, receive } = setup({ incoming: two, outgoing: two })
    expect([await receive(), await receive(), await receive()]).toEqual(['fulfilled', 'fulfilled', 'T05'])
    expect([await send(), await send(), await send()]).toEqual(['fulfilled', 'fulfilled', 'T05'])
    await clock.advance(10)
    expect([await receive(), await receive()]).toEqual(['fulfilled', 'T05'])
    expect([await send(), await send()]).toEqual(['fulfilled', 'T05'])
  })

  it('lets 10000 packets through at once, and 10 more each millisecond, unless told otherwise', async () => {
    const { clock, send, receive } = setup()
    const passed = async (pass: () => Promise<string>): Promise<number> => {
      let count = 0
      while ((await pass()) !== 'T05') count++
      return count
    }
    expect([await passed(send), await passed(receive)]).toEqual([10_000, 10_000])
    await clock.advance(1)
    expect([await passed(send), await passed(receive)]).toEqual([10, 10])
  })

  // Whoever wrote into a reply once spoiled all later ones of its direction.
  it('gives each caller a reject of its own', async () => {
    const { plugin, peer } = setup({ incoming: { capacity: 1 }, outgoing: { capacity: 1 } })
    for (const pass of [() => plugin.sendData(prepare()), () => peer.sendData(prepare())]) {
      await pass()
      ;(await pass()).fill(0)
      const reply = await pass()
      expect([codeOf(reply), rejectTriggeredBy(reply), rejectMessage(reply)]).toEqual(['T05', '', 'Too many packets'])
    }
  })

  it('tells of a refused packet, and how long it would have had to wait', async () => {
    const { clock, send, receive, seen } = setup({
      incoming: { capacity: 1, refillCount: 1, refillMs: 250 },
      outgoing: { capacity: 1, refillCount: 3, refillMs: 1000 }
    })
    for (const pass of [send, receive]) {
      await pass()
      await clock.advance(1)
      await pass({ amount: 5, destination: 'example.bob' })
    }
    const refusal = {
      type: 'packet-rejected',
      source: 'rate-limit',
      code: 'T05',
      amount: 5n,
      destination: 'example.bob'
    }
    expect(seen).toMatchObject([
      { ...refusal, direction: 'outgoing', retryAfterMs: 333 },
      { ...refusal, direction: 'incoming', retryAfterMs: 249 }
    ])
  })

  it('throws a RateLimitedError where other data is over the limit', async () => {
    const { plugin, peer, sent, seen } = setup({ incoming: two, outgoing: two })
    const hello = Buffer.from('hello')
    for (const [send, direction] of [
      [(data: Buffer): Promise<Buffer> => plugin.sendData(data), 'outgoing'],
      [(data: Buffer): Promise<Buffer> => peer.sendData(data), 'incoming']
    ] as const) {
      await send(hello)
      await send(hello)
      const error = await failure(send(hello))
      expect(error).toBeInstanceOf(RateLimitedError)
      expect(error).toMatchObject({
        name: 'RateLimitedError',
        ilpErrorCode: 'T05',
        code: 'ILP_WRAP_RATE_LIMITED',
        retryAfterMs: 10
      })
      expect(errorOutcome(error)).toBe('not-sent')
      expect(String(error)).toBe('RateLimitedError: Too many requests')
      expect(seen.at(-1)).toMatchObject({ direction, code: 'T05', amount: undefined, destination: undefined })
    }
    expect(sent).toEqual([hello, hello])
    expect(sent[0]).toBe(hello)
  })

  it('refuses just as well when nobody listens', async () => {
    const { plugin, peer } = mockPair({ connected: true })
    peer.onData = () => Promise.resolve(fulfill())
    const wrapped = wrap(plugin, [rateLimit({ outgoing: { capacity: 1, refillMs: 60_000, refillCount: 1 } })])
    expect(codeOf(await wrapped.sendData(prepare()))).toBe('fulfilled')
    expect(codeOf(await wrapped.sendData(prepare()))).toBe('T05')
  })

  it('hands on the very answer and the very error of who is asked', async () => {
    const { plugin, peer } = setup()
    const reply = fulfill()
    peer.onData = () => Promise.resolve(reply)
    expect(await plugin.sendData(prepare())).toBe(reply)
    const error = new Error('lost')
    peer.onData = () => Promise.reject(error)
    expect(await failure(plugin.sendData(prepare()))).toBe(error)
  })

  it.each<[string, RateLimitOptions, object]>([
    ['incoming', { incoming: false, outgoing: { capacity: 1 } }, { outgoing: 'any' }],
    ['outgoing', { outgoing: false, incoming: { capacity: 1 } }, { incoming: 'any' }]
  ])('does nothing to %s packets when that half is off', async (direction, options, place) => {
    const { plugin, send, receive } = setup(options)
    const [off, on] = direction === 'incoming' ? [receive, send] : [send, receive]
    expect([await off(), await off(), await off()]).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
    expect([await on(), await on()]).toEqual(['fulfilled', 'T05'])
    expect(describeStack(plugin).middleware).toEqual([{ name: 'rate-limit', place }])
  })
})

describe('packets to peer.…', () => {
  const peer = { destination: 'peer.config' }

  it('have a bucket of their own: 100 at once, one more each 10 ms', async () => {
    const { clock, send, receive } = setup({ incoming: { capacity: 1 }, outgoing: { capacity: 1 } })
    for (const pass of [send, receive]) {
      expect([await pass(), await pass()]).toEqual(['fulfilled', 'T05'])
      const codes = await Promise.all(Array.from({ length: 101 }, () => pass(peer)))
      expect(codes).toEqual([...Array.from({ length: 100 }, () => 'fulfilled'), 'T05'])
    }
    await clock.advance(9)
    expect(await send(peer)).toBe('T05')
    await clock.advance(1)
    expect([await send(peer), await send(peer)]).toEqual(['fulfilled', 'T05'])
  })

  it('have the limits of the option', async () => {
    const { send } = setup({ peer: { capacity: 1 } })
    expect([await send(peer), await send(peer), await send()]).toEqual(['fulfilled', 'T05', 'fulfilled'])
  })

  it('have none if that is off, and take no tokens of others', async () => {
    const { send } = setup({ peer: false, outgoing: { capacity: 1 } })
    expect([await send(peer), await send(peer), await send()]).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
  })
})

describe('a bucket for each key', () => {
  const bob = { destination: 'example.bob' }
  const carol = { destination: 'example.carol' }
  const byReceiver = (data: Buffer): string | undefined => /example\.([a-z]+)/.exec(data.toString('latin1'))?.[1]

  it('limits them one by one', async () => {
    const { send, handle } = setup({ outgoing: { capacity: 1 }, key: byReceiver })
    expect([await send(bob), await send(carol), await send(bob), await send(carol)]).toEqual([
      'fulfilled',
      'fulfilled',
      'T05',
      'T05'
    ])
    expect(handle.snapshot().outgoing).toMatchObject({ keys: 2, tokens: 1 })
    expect(handle.snapshot().incoming).toMatchObject({ keys: 0 })
  })

  it('shares one among packets without a key', async () => {
    const { plugin, send } = setup({ outgoing: { capacity: 1 }, key: byReceiver })
    await plugin.sendData(Buffer.from('hello'))
    expect(await failure(plugin.sendData(Buffer.from('world')))).toBeInstanceOf(RateLimitedError)
    expect(await send(bob)).toBe('fulfilled')
  })

  it('tells the key which way a packet goes, and gives each direction its own', async () => {
    const asked: unknown[] = []
    const { send, receive } = setup({
      incoming: { capacity: 1 },
      outgoing: { capacity: 1 },
      key: (data, direction) => {
        asked.push([data[0], direction])
        return 'same'
      }
    })
    expect([await send(), await receive(), await send(), await receive()]).toEqual([
      'fulfilled',
      'fulfilled',
      'T05',
      'T05'
    ])
    expect(asked).toEqual([
      [12, 'outgoing'],
      [12, 'incoming'],
      [12, 'outgoing'],
      [12, 'incoming']
    ])
  })

  it('hands on what the key throws', async () => {
    const error = new Error('no key')
    const { plugin } = setup({
      key: () => {
        throw error
      }
    })
    expect(await failure(plugin.sendData(prepare()))).toBe(error)
  })

  // Had the bucket least used been dropped as it was, a peer that goes through many addresses would have had a full one
  // for each of its packets.
  it('does not let a peer of many keys have more than their buckets hold', async () => {
    const { clock, send, handle } = setup({
      outgoing: { capacity: 2, refillCount: 1, refillMs: 10 },
      key: byReceiver,
      maxKeys: 2
    })
    const to = (name: string): Promise<string> => send({ destination: `example.${name}` })
    expect([await to('a'), await to('b')]).toEqual(['fulfilled', 'fulfilled'])
    // no room: these two share the common bucket, which holds 2
    expect([await to('c'), await to('d'), await to('e')]).toEqual(['fulfilled', 'fulfilled', 'T05'])
    expect(handle.snapshot().outgoing).toMatchObject({ keys: 2, tokens: 0 })
    // the one used last has its own still
    expect([await to('a'), await to('a')]).toEqual(['fulfilled', 'T05'])
    // now `b` is the one least used, and full again
    await clock.advance(10)
    expect([await to('c'), await to('c'), await to('c')]).toEqual(['fulfilled', 'fulfilled', 'T05'])
    expect([await to('a'), await to('a')]).toEqual(['fulfilled', 'T05'])
  })
})

describe('money', () => {
  it('is never refused by the limit of packets', async () => {
    const { plugin, peer, send, receive } = setup({ incoming: { capacity: 1 }, outgoing: { capacity: 1 } })
    const paid: string[] = []
    peer.onMoney = async (amount) => void paid.push(`to ${amount}`)
    plugin.registerMoneyHandler(async (amount) => void paid.push(`from ${amount}`))
    expect([await send(), await send(), await receive(), await receive()]).toEqual([
      'fulfilled',
      'T05',
      'fulfilled',
      'T05'
    ])
    for (let i = 1; i <= 3; i++) {
      await plugin.sendMoney(String(i))
      await peer.sendMoney(String(i))
    }
    expect(paid).toEqual(['to 1', 'from 1', 'to 2', 'from 2', 'to 3', 'from 3'])
    expect(await send()).toBe('T05')
  })

  it('has a limit of its own if told so, for what goes out alone', async () => {
    const { clock, plugin, peer, send, seen } = setup({ money: two, outgoing: { capacity: 1 } })
    const paid: string[] = []
    peer.onMoney = async (amount) => void paid.push(amount)
    plugin.registerMoneyHandler(async () => {})
    for (const amount of ['1', '2']) await plugin.sendMoney(amount)
    const error = await failure(plugin.sendMoney('3'))
    expect(error).toBeInstanceOf(RateLimitedError)
    expect(error).toMatchObject({ retryAfterMs: 10, ilpErrorCode: 'T05', message: 'Too many payments' })
    // books that had debited it before may take it back
    expect(errorOutcome(error)).toBe('not-sent')
    for (let i = 0; i < 5; i++) await peer.sendMoney('1')
    expect(await send()).toBe('fulfilled')
    await clock.advance(10)
    await plugin.sendMoney('4')
    expect(paid).toEqual(['1', '2', '4'])
    expect(seen).toMatchObject([
      { type: 'money-rejected', source: 'rate-limit', direction: 'outgoing', amount: '3', retryAfterMs: 10 }
    ])
  })

  it('is refused as well when nobody listens, and with both halves off', async () => {
    const { plugin, peer } = mockPair({ connected: true })
    peer.onMoney = async () => {}
    const limits = { capacity: 1, refillCount: 1, refillMs: 60_000 }
    const wrapped = wrap(plugin, [rateLimit({ incoming: false, outgoing: false, money: limits })])
    await wrapped.sendMoney('1')
    expect(await failure(wrapped.sendMoney('1'))).toBeInstanceOf(RateLimitedError)
    expect(describeStack(wrapped).middleware).toEqual([{ name: 'rate-limit', place: { outgoing: 'any' } }])
  })
})

describe('the options of rateLimit', () => {
  it.each<[unknown, string]>([
    [{ ingoing: {} }, 'Unknown option `ingoing`'],
    [{ incoming: { mode: 'wait' } }, "Expected `incoming.mode` to be 'reject', got `wait` (string)"],
    [{ incoming: { maxWaiting: 1 } }, 'Unknown option `incoming.maxWaiting`'],
    [{ incoming: true }, 'Expected `incoming` to be an object, got `true` (boolean)'],
    [{ outgoing: { capacity: 0 } }, 'Expected `outgoing.capacity` to be a whole number, at least 1, got `0` (number)'],
    [{ outgoing: { mode: 'queue' } }, "Expected `outgoing.mode` to be 'reject' or 'wait', got `queue` (string)"],
    [{ outgoing: { maxWaiting: 0 } }, 'Expected `outgoing.maxWaiting` to be a whole number, at least 1'],
    [{ outgoing: { maxWaitingAmount: -1 } }, 'Expected `outgoing.maxWaitingAmount` to be at least 0'],
    [{ outgoing: { maxWaitMs: 2 ** 31 } }, 'Expected `outgoing.maxWaitMs` to be a number of milliseconds from 0 to'],
    [{ outgoing: { marginMs: -1 } }, 'Expected `outgoing.marginMs` to be a number of milliseconds, zero or more'],
    [{ peer: { refillMs: 0 } }, 'Expected `peer.refillMs` to be a whole number'],
    [{ money: { capacity: 1 } }, 'Expected `money.refillCount` to be a whole number, at least 1, got `undefined`'],
    [{ key: 'destination' }, 'Expected `key` to be a function, got `destination` (string)'],
    [{ maxKeys: 0 }, 'Expected `maxKeys` to be a whole number, at least 1, got `0` (number)'],
    [{ limiter: null }, 'Expected `limiter` to be an object with a method `consume`, got `null`'],
    [{ limiter: {} }, 'Expected `limiter` to be an object with a method `consume`, got an object'],
    [{ onLimiterError: 'wait' }, "Expected `onLimiterError` to be 'allow' or 'reject', got `wait` (string)"],
    [{ limiterTimeoutMs: 0 }, 'Expected `limiterTimeoutMs` to be a number of milliseconds, at least 1'],
    [
      { limiter: { consume: async () => {} }, outgoing: { capacity: 5 } },
      'Expected `outgoing.capacity` to be absent, as `limiter` has limits of its own, got `5` (number)'
    ]
  ])('name what is unknown or wrong: %j', (options, message) => {
    expect(() => rateLimit(options as RateLimitOptions)).toThrow(message)
  })
})
