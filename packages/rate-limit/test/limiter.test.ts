import { wrap } from '@ilp-wrap/core'
import type { Context } from '@ilp-wrap/core'
import { fulfill, mockPair, prepare, testClock } from '@ilp-wrap/testing'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { describe, expect, it } from 'vitest'
import { RateLimitedError, rateLimit } from '../src/index.js'
import type { Limiter, RateLimitOptions } from '../src/index.js'
import { codeOf, failure, isPending, setup as setupWith } from './setup.js'
import type { Fixture } from './setup.js'

interface Question {
  key: string
  points: number
  pass: () => void
  refuse: (msBeforeNext?: unknown) => void
  fail: (error: unknown) => void
}

/** A limiter that answers as the test says. */
class ManualLimiter implements Limiter {
  readonly questions: Question[] = []

  consume(key: string, points: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.questions.push({
        key,
        points,
        pass: resolve,
        refuse: (msBeforeNext) => reject({ msBeforeNext }),
        fail: reject
      })
    })
  }
}

function setup(options?: RateLimitOptions, context?: Context): Fixture & { limiter: ManualLimiter } {
  const limiter = new ManualLimiter()
  return { limiter, ...setupWith({ limiter, ...options }, context) }
}

/** A limiter that fails in its own way. */
const failing = (fail: () => unknown): Limiter => ({ consume: fail as Limiter['consume'] })

describe('a limiter of rate-limiter-flexible', () => {
  it('stands in for the buckets of both directions', async () => {
    const { plugin, send, receive, seen, handle } = setupWith({
      limiter: new RateLimiterMemory({ points: 2, duration: 60 })
    })
    for (const pass of [send, receive]) {
      expect([await pass(), await pass(), await pass()]).toEqual(['fulfilled', 'fulfilled', 'T05'])
    }
    expect(seen).toMatchObject([
      { type: 'packet-rejected', direction: 'outgoing', code: 'T05' },
      { type: 'packet-rejected', direction: 'incoming', code: 'T05' }
    ])
    const { retryAfterMs } = seen[0] as { retryAfterMs: number }
    expect(retryAfterMs).toBeGreaterThan(50_000)
    expect(retryAfterMs).toBeLessThanOrEqual(60_000)
    expect(await failure(plugin.sendData(Buffer.from('hello')))).toBeInstanceOf(RateLimitedError)
    expect(handle.snapshot().outgoing).toMatchObject({ limits: undefined, tokens: undefined, keys: 0 })
  })

  it('limits keys one by one, over plugins and processes that share it', async () => {
    const limiter = new RateLimiterMemory({ points: 1, duration: 60 })
    const key = (data: Buffer): string | undefined => /example\.([a-z]+)/.exec(data.toString('latin1'))?.[1]
    const one = setupWith({ limiter, key })
    const other = setupWith({ limiter, key })
    const bob = { destination: 'example.bob' }
    expect([await one.send(bob), await other.send(bob)]).toEqual(['fulfilled', 'T05'])
    expect([await one.send(), await other.send()]).toEqual(['fulfilled', 'T05'])
  })
})

describe('a limiter', () => {
  it('is asked for a point under the direction with the key, or else the account', async () => {
    const keyed = setup({ key: (data) => (data.length > 5 ? 'long' : undefined) }, { account: 'bob' })
    void keyed.send()
    void keyed.receive()
    void keyed.plugin.sendData(Buffer.from('short'))
    const anonymous = setup()
    void anonymous.send()
    expect([...keyed.limiter.questions, ...anonymous.limiter.questions]).toMatchObject([
      { key: 'outgoing:long', points: 1 },
      { key: 'incoming:long', points: 1 },
      { key: 'outgoing:bob', points: 1 },
      { key: 'outgoing:', points: 1 }
    ])
  })

  it('is not asked about packets to peer.…, which have a bucket here', async () => {
    const { limiter, send } = setup({ peer: { capacity: 1 } })
    expect([await send({ destination: 'peer.config' }), await send({ destination: 'peer.config' })]).toEqual([
      'fulfilled',
      'T05'
    ])
    expect(limiter.questions).toEqual([])
  })

  it.each([
    [12.3, 13],
    [0, 1],
    // how it says that a key is blocked for good
    [-1, Infinity]
  ])('refuses with a number of milliseconds: %d is told as %d', async (msBeforeNext, retryAfterMs) => {
    const { limiter, send, seen } = setup()
    const answer = send()
    limiter.questions[0]?.refuse(msBeforeNext)
    expect(await answer).toBe('T05')
    expect(seen).toMatchObject([{ type: 'packet-rejected', code: 'T05', retryAfterMs }])
  })

  it.each<[string, Limiter]>([
    ['rejects with an Error', failing(() => Promise.reject(new Error('no store')))],
    [
      'rejects with an Error that has a msBeforeNext',
      failing(() => Promise.reject(Object.assign(new Error('no store'), { msBeforeNext: 5 })))
    ],
    ['rejects with something else', failing(() => Promise.reject('no store'))],
    ['rejects with null', failing(() => Promise.reject(null))],
    ['rejects with no number', failing(() => Promise.reject({ msBeforeNext: NaN }))],
    [
      'throws',
      failing(() => {
        throw new Error('no store')
      })
    ]
  ])('that %s has failed: packets pass, unless told otherwise', async (_, limiter) => {
    const { send, seen, log } = setupWith({ limiter })
    expect([await send(), await send()]).toEqual(['fulfilled', 'fulfilled'])
    expect(seen).toMatchObject([
      { type: 'limiter-failed', source: 'rate-limit', direction: 'outgoing', decision: 'allow' },
      { type: 'limiter-failed' }
    ])
    expect(log.lines).toHaveLength(1)
    expect(log.lines[0]).toContain('warn: The limiter of outgoing packets failed (allow them):')

    const strict = setupWith({ limiter, onLimiterError: 'reject' })
    expect(await strict.receive()).toBe('T05')
    expect(strict.seen).toMatchObject([
      { type: 'limiter-failed', direction: 'incoming', decision: 'reject' },
      { type: 'packet-rejected', direction: 'incoming', code: 'T05', retryAfterMs: Infinity }
    ])
  })

  it('that fails is logged once, until it has answered again', async () => {
    const { limiter, send, log } = setup()
    const outcomes = ['fail', 'fail', 'pass', 'fail', 'refuse', 'fail'] as const
    for (const [index, outcome] of outcomes.entries()) {
      const answer = send()
      limiter.questions[index]?.[outcome](outcome === 'refuse' ? 5 : new Error('no store'))
      await answer
    }
    expect(log.lines).toHaveLength(3)
  })

  it('that does not answer has failed after limiterTimeoutMs', async () => {
    const { clock, limiter, send, seen } = setup({ limiterTimeoutMs: 50 })
    const answer = send()
    await clock.advance(49)
    expect(await isPending(answer)).toBe(true)
    await clock.advance(1)
    expect(await answer).toBe('fulfilled')
    expect(seen).toMatchObject([{ type: 'limiter-failed', error: { name: 'TimeoutError' } }])
    // what comes too late does no harm
    limiter.questions[0]?.fail(new Error('late'))
    expect(clock.pending).toBe(0)
  })

  // Its time was counted on the wall clock: one that was set back kept packets waiting for as much longer.
  it('has its limiterTimeoutMs whatever becomes of the wall clock', async () => {
    const { clock, send, seen } = setup({ limiterTimeoutMs: 50 })
    for (const ms of [-60_000, 60_000]) {
      const answer = send()
      clock.jump(ms)
      await clock.advance(49)
      expect(await isPending(answer)).toBe(true)
      await clock.advance(1)
      expect(await isPending(answer)).toBe(false)
    }
    expect(seen).toMatchObject([{ type: 'limiter-failed' }, { type: 'limiter-failed' }])
    expect(clock.pending).toBe(0)
  })

  // A host may use its Buffer again once sendData has returned.
  it.each<[string, RateLimitOptions]>([
    ['reject', {}],
    ['wait', { outgoing: { mode: 'wait' } }]
  ])("has the bytes sent as they were when the packet came (mode: '%s')", async (_, options) => {
    const { clock, plugin, limiter, sent } = setup(options)
    const packet = prepare({ amount: 7, expiresAt: clock.now() + 30_000 })
    const bytes = Buffer.from(packet)
    const answer = plugin.sendData(packet)
    packet.fill(0)
    limiter.questions[0]?.pass()
    expect(codeOf(await answer)).toBe('fulfilled')
    expect(sent).toEqual([bytes])
  })

  it('answers a packet as what it was when it came', async () => {
    const { clock, plugin, limiter, seen } = setup()
    const packet = prepare({ amount: 7, expiresAt: clock.now() + 30_000 })
    const answer = plugin.sendData(packet)
    packet.fill(0)
    limiter.questions[0]?.refuse(5)
    expect(codeOf(await answer)).toBe('T05')
    expect(seen).toMatchObject([{ type: 'packet-rejected', code: 'T05', amount: 7n }])
  })

  it('leaves no timer behind', async () => {
    const { clock, limiter, send } = setup()
    const answer = send()
    expect(clock.pending).toBe(1)
    limiter.questions[0]?.pass()
    await answer
    expect(clock.pending).toBe(0)
  })

  it('decides as well when nobody listens', async () => {
    const { plugin, peer } = mockPair({ connected: true })
    peer.onData = () => Promise.resolve(fulfill())
    const limiter = failing(() => Promise.reject(new Error('no store')))
    const wrapped = wrap(plugin, [rateLimit({ limiter, onLimiterError: 'reject' })], { clock: testClock() })
    expect(codeOf(await wrapped.sendData(prepare()))).toBe('T05')
  })
})

describe("a limiter with mode: 'wait'", () => {
  const wait: RateLimitOptions = { outgoing: { mode: 'wait' } }

  it('is asked again when it said so, for who is first in line', async () => {
    const { clock, limiter, send, sent } = setup(wait)
    const first = send({ amount: 1 })
    limiter.questions[0]?.refuse(20)
    await clock.advance(0)
    // this one has to stand behind, and is not asked for yet
    const second = send({ amount: 2 })
    await clock.advance(19)
    expect(limiter.questions).toHaveLength(1)
    await clock.advance(1)
    expect(limiter.questions).toHaveLength(2)
    limiter.questions[1]?.refuse(5)
    await clock.advance(5)
    expect(limiter.questions).toHaveLength(3)
    limiter.questions[2]?.pass()
    expect(await first).toBe('fulfilled')
    await clock.advance(0)
    limiter.questions[3]?.pass()
    expect(await second).toBe('fulfilled')
    expect(sent).toHaveLength(2)
    expect(clock.pending).toBe(0)
  })

  it('has packets that pass at once go at once', async () => {
    const { limiter, send } = setup(wait)
    const answer = send()
    limiter.questions[0]?.pass()
    expect(await answer).toBe('fulfilled')
  })

  it('refuses all at once who cannot wait as long as it says', async () => {
    const { clock, limiter, send, seen } = setup(wait)
    const first = send({ expiresAt: clock.now() + 1200 })
    limiter.questions[0]?.refuse(100)
    await clock.advance(0)
    const second = send({ expiresAt: clock.now() + 1200 })
    const third = send({ expiresAt: clock.now() + 20_000 })
    await clock.advance(100)
    limiter.questions[1]?.refuse(500)
    expect([await first, await second]).toEqual(['T05', 'T05'])
    expect(seen.at(-1)).toMatchObject({ type: 'packet-rejected', code: 'T05', retryAfterMs: 500 })
    await clock.advance(500)
    limiter.questions[2]?.pass()
    expect(await third).toBe('fulfilled')
  })

  it('refuses at once whom a limiter refuses without an end', async () => {
    const { limiter, send } = setup(wait)
    const answer = send()
    limiter.questions[0]?.refuse(-1)
    expect(await answer).toBe('T05')
  })

  it('does not send what has come too near to its expiry while it was asked', async () => {
    const { clock, limiter, send, sent, seen } = setup({ ...wait, limiterTimeoutMs: 60_000 })
    const answer = send({ expiresAt: clock.now() + 2000 })
    limiter.questions[0]?.refuse(10)
    await clock.advance(1001)
    limiter.questions[1]?.pass()
    expect(await answer).toBe('T05')
    expect(seen.at(-1)).toMatchObject({ type: 'packet-rejected', code: 'T05', retryAfterMs: 0 })
    expect(sent).toEqual([])
  })

  it('sends nothing for who was cancelled while it was asked', async () => {
    const { clock, plugin, limiter, send, sent } = setup(wait)
    const answer = send()
    limiter.questions[0]?.refuse(10)
    await clock.advance(10)
    await plugin.disconnect()
    expect(await answer).toBe('T01')
    limiter.questions[1]?.pass()
    await clock.advance(10)
    expect(sent).toEqual([])
    expect(clock.pending).toBe(0)
  })
})
