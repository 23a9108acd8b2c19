import { UnreachableError, errorOutcome, events, unwrap, wrap } from '@ilp-wrap/core'
import { prepareAmount } from '@ilp-wrap/core/packet'
import { conformance, fulfill, mockPair, prepare, referenceFactory, testClock } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { RateLimitedError, rateLimit } from '../src/index.js'
import type { OutgoingOptions } from '../src/index.js'
import { codeOf, failure, isPending, setup as setupWith } from './setup.js'
import type { Fixture } from './setup.js'

conformance({ describe, it }, referenceFactory(), { wrap: rateLimit({ outgoing: { mode: 'wait' } }) })

/** One packet at once, and one more each 10 ms. */
function setup(options?: OutgoingOptions): Fixture {
  return setupWith({ outgoing: { mode: 'wait', capacity: 1, refillCount: 1, refillMs: 10, ...options } })
}

const amounts = (packets: Buffer[]): bigint[] => packets.map((packet) => prepareAmount(packet)!)

describe("mode: 'wait'", () => {
  it('sends at once while there are tokens', async () => {
    const { clock, send, seen } = setup({ capacity: 3 })
    expect([await send(), await send(), await send()]).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
    expect(clock.pending).toBe(0)
    expect(seen).toEqual([])
  })

  it('lets what is over the limit wait for its token, in order', async () => {
    const { clock, send, sent } = setup()
    const answers = [1, 2, 3, 4].map((amount) => send({ amount }))
    await clock.advance(0)
    expect(amounts(sent)).toEqual([1n])
    await clock.advance(9)
    expect(amounts(sent)).toEqual([1n])
    await clock.advance(1)
    expect(amounts(sent)).toEqual([1n, 2n])
    await clock.advance(20)
    expect(amounts(sent)).toEqual([1n, 2n, 3n, 4n])
    expect(await Promise.all(answers)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled'])
    expect(clock.pending).toBe(0)
  })

  it('sends all that a turn of the timer has tokens for', async () => {
    const { clock, send, sent } = setup({ refillCount: 1000, refillMs: 10 })
    for (let amount = 1; amount <= 250; amount++) void send({ amount })
    await clock.advance(1)
    // the bucket holds one token: one comes at the turn, the others were waited for since
    expect(sent.length).toBeGreaterThanOrEqual(2)
    await clock.advance(300)
    expect(amounts(sent)).toEqual(Array.from({ length: 250 }, (_, i) => BigInt(i + 1)))
  })

  // With 10 tokens a millisecond and timers of one, several come at a time: the line uses them all.
  it('keeps up with a rate above the timers’ own', async () => {
    const { clock, send, sent } = setup({ capacity: 100, refillCount: 10_000, refillMs: 1000 })
    for (let amount = 1; amount <= 400; amount++) void send({ amount })
    await clock.advance(10)
    expect(sent).toHaveLength(200)
    await clock.advance(20)
    expect(amounts(sent)).toEqual(Array.from({ length: 400 }, (_, i) => BigInt(i + 1)))
  })

  it('never lets a newcomer go before those who wait, whatever is in the bucket', async () => {
    const { clock, plugin, peer, sent } = setup({ capacity: 10, refillCount: 10, refillMs: 1 })
    const send = (amount: number): void => {
      void plugin.sendData(prepare({ amount, expiresAt: clock.now() + 30_000 }))
    }
    peer.onData = (data) => {
      sent.push(data)
      // the host sends this one while the first of those who waited is on its way, and there are tokens for all
      if (prepareAmount(data) === 11n) send(99)
      return Promise.resolve(fulfill())
    }
    for (let amount = 1; amount <= 13; amount++) send(amount)
    await clock.advance(1)
    expect(amounts(sent.slice(10))).toEqual([11n, 12n, 13n, 99n])
  })

  it('tells of those who wait', async () => {
    const { clock, plugin, send, seen, handle } = setup()
    const answers = [send({ amount: 1 }), send({ amount: 2 }), send({ amount: 3 })]
    const other = plugin.sendData(Buffer.from('hello'))
    const queued = { type: 'packet-queued', source: 'rate-limit', direction: 'outgoing' }
    expect(seen).toMatchObject([
      { ...queued, amount: 2n, waitMs: 10, waiting: 1 },
      { ...queued, amount: 3n, waitMs: 20, waiting: 2 },
      { ...queued, amount: undefined, waitMs: 30, waiting: 3 }
    ])
    expect(handle.snapshot().outgoing).toMatchObject({ waiting: 3, waitingAmount: 5n, tokens: 0 })
    await clock.advance(30)
    await Promise.all([...answers, other])
    expect(handle.snapshot().outgoing).toMatchObject({ waiting: 0, waitingAmount: 0n, tokens: 0 })
  })

  it('hands on the very answer and the very error of the plugin to who waited', async () => {
    const { clock, plugin, peer, send } = setup()
    await send()
    const reply = fulfill()
    const error = new Error('lost')
    const answers = [plugin.sendData(prepare()), plugin.sendData(prepare())]
    const outcome = Promise.allSettled(answers)
    peer.onData = () => Promise.resolve(reply)
    await clock.advance(10)
    peer.onData = () => Promise.reject(error)
    await clock.advance(10)
    const [first, second] = await outcome
    expect(first).toEqual({ status: 'fulfilled', value: reply })
    expect((second as PromiseRejectedResult).reason).toBe(error)
  })

  // A host may use its Buffer again once sendData has returned.
  it('sends the bytes as they were when the packet came', async () => {
    const { clock, plugin, send, sent } = setup()
    await send()
    const packet = prepare({ amount: 7, expiresAt: clock.now() + 30_000 })
    const bytes = Buffer.from(packet)
    const answer = plugin.sendData(packet)
    packet.fill(0)
    await clock.advance(10)
    await answer
    expect(sent[1]).toEqual(bytes)
  })

  it('works as well when nobody listens', async () => {
    const clock = testClock()
    const { plugin, peer } = mockPair({ connected: true })
    peer.onData = () => Promise.resolve(fulfill())
    const limits = { capacity: 1, refillCount: 1, refillMs: 10, maxWaiting: 1 }
    const wrapped = wrap(plugin, [rateLimit({ outgoing: { mode: 'wait', ...limits } })], { clock })
    const packets = [1, 2, 3].map(() => wrapped.sendData(prepare({ expiresAt: clock.now() + 30_000 })))
    await clock.advance(10)
    expect((await Promise.all(packets)).map(codeOf)).toEqual(['fulfilled', 'fulfilled', 'T05'])
  })

  it('has a line of its own for packets to peer.… and for each key', async () => {
    const { clock, plugin, peer } = setupWith({
      outgoing: { mode: 'wait', capacity: 1, refillCount: 1, refillMs: 10 },
      peer: { capacity: 1, refillCount: 1, refillMs: 5 },
      key: (data) => /example\.([a-z]+)/.exec(data.toString('latin1'))?.[1]
    })
    const arrived: string[] = []
    peer.onData = (data) => {
      arrived.push(/(?:example|peer)\.[a-z]+/.exec(data.toString('latin1'))?.[0] ?? '')
      return Promise.resolve(fulfill())
    }
    const destinations = ['example.a', 'example.a', 'example.b', 'example.b', 'peer.config', 'peer.config', 'example.a']
    for (const destination of destinations) {
      void plugin.sendData(prepare({ destination, expiresAt: clock.now() + 30_000 }))
    }
    expect(arrived).toEqual(['example.a', 'example.b', 'peer.config'])
    await clock.advance(5)
    expect(arrived.splice(0)).toEqual(['example.a', 'example.b', 'peer.config', 'peer.config'])
    await clock.advance(5)
    expect(arrived.splice(0).sort()).toEqual(['example.a', 'example.b'])
    await clock.advance(10)
    expect(arrived).toEqual(['example.a'])
  })
})

describe('what cannot go in time', () => {
  it('is answered T05 at once, not at the end of its wait', async () => {
    const { clock, send, seen } = setup({ marginMs: 1000 })
    await send()
    const waits = send({ expiresAt: clock.now() + 1010 })
    // its token would come at 20 ms, 1 ms too late
    const refused = send({ expiresAt: clock.now() + 1019, amount: 9 })
    expect(await refused).toBe('T05')
    expect(seen.at(-1)).toMatchObject({ type: 'packet-rejected', code: 'T05', amount: 9n, retryAfterMs: 20 })
    // there is room for one that has a millisecond more
    const alsoWaits = send({ expiresAt: clock.now() + 1020 })
    await clock.advance(20)
    expect([await waits, await alsoWaits]).toEqual(['fulfilled', 'fulfilled'])
  })

  it('is a packet that has expired, or is about to', async () => {
    const { clock, send } = setup()
    await send()
    expect(await send({ expiresAt: clock.now() - 1 })).toBe('T05')
    expect(await send({ expiresAt: clock.now() + 1000 })).toBe('T05')
  })

  it('is what would wait for more than maxWaitMs', async () => {
    const { clock, plugin, send } = setup({ maxWaitMs: 25 })
    await send()
    const waiting = [send(), plugin.sendData(Buffer.from('hello'))]
    expect(await send()).toBe('T05')
    const error = await failure(plugin.sendData(Buffer.from('hello')))
    expect(error).toBeInstanceOf(RateLimitedError)
    expect(error).toMatchObject({ retryAfterMs: 30 })
    await clock.advance(20)
    await Promise.all(waiting)
  })

  it('is what comes when as many wait as may', async () => {
    const { clock, send } = setup({ maxWaiting: 2 })
    const answers = [send(), send(), send()]
    expect(await send()).toBe('T05')
    await clock.advance(10)
    const another = send()
    expect(await send()).toBe('T05')
    await clock.advance(20)
    expect(await Promise.all([...answers, another])).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled'])
  })

  it('is what would bring the waiting above their amount', async () => {
    const { clock, send } = setup({ maxWaitingAmount: 100 })
    const answers = [send({ amount: 1000 }), send({ amount: 60 }), send({ amount: 40 })]
    expect(await send({ amount: 1 })).toBe('T05')
    const free = send({ amount: 0 })
    await clock.advance(10)
    const another = send({ amount: 60 })
    expect(await send({ amount: 1 })).toBe('T05')
    await clock.advance(30)
    expect(new Set(await Promise.all([...answers, free, another]))).toEqual(new Set(['fulfilled']))
  })

  it('is told so when the wall clock jumps on, and the others move up', async () => {
    const { clock, send, sent } = setup()
    await send()
    const first = send({ amount: 2, expiresAt: clock.now() + 5000 })
    const second = send({ amount: 3, expiresAt: clock.now() + 60_000 })
    clock.jump(10_000)
    await clock.advance(10)
    expect([await first, await second]).toEqual(['T05', 'fulfilled'])
    expect(amounts(sent)).toEqual([1n, 3n])
  })

  it('is told so when the limits are lowered', async () => {
    const { clock, send, handle } = setup()
    await send()
    const first = send()
    const second = send()
    handle.setLimits({ outgoing: { refillMs: 20_000 } })
    expect(await isPending(first)).toBe(true)
    expect(await second).toBe('T05')
    await clock.advance(20_000)
    expect(await first).toBe('fulfilled')
  })

  it('may go at once when the limits are raised', async () => {
    const { clock, send, handle } = setup()
    await send()
    const answer = send()
    handle.setLimits({ outgoing: { refillMs: 1 } })
    await clock.advance(1)
    expect(await answer).toBe('fulfilled')
    expect(clock.pending).toBe(0)
  })
})

describe('those who wait', () => {
  it('are cancelled by disconnect(), and leave no timer', async () => {
    const { clock, plugin, send, sent, seen, handle } = setup()
    await send()
    const answers = [send({ amount: 2 }), send({ amount: 3 })]
    const other = failure(plugin.sendData(Buffer.from('hello')))
    await plugin.disconnect()
    expect(await Promise.all(answers)).toEqual(['T01', 'T01'])
    const error = await other
    expect(error).toBeInstanceOf(UnreachableError)
    expect(error).toMatchObject({ code: 'ILP_WRAP_NOT_SENT' })
    expect(errorOutcome(error)).toBe('not-sent')
    expect(clock.pending).toBe(0)
    expect(seen.slice(-3)).toMatchObject([
      { type: 'packet-rejected', direction: 'outgoing', code: 'T01', amount: 2n },
      { type: 'packet-rejected', code: 'T01', amount: 3n },
      { type: 'packet-rejected', code: 'T01', amount: undefined }
    ])
    expect(seen.at(-1)).not.toHaveProperty('retryAfterMs')
    await clock.advance(1000)
    expect(amounts(sent)).toEqual([1n])
    expect(handle.snapshot().outgoing).toMatchObject({ waiting: 0, waitingAmount: 0n })
  })

  it('leave once each when an observer disconnects while they are cancelled', async () => {
    const { plugin, send, seen, handle } = setup()
    let again: Promise<void> | undefined
    events(plugin).subscribe(({ type }) => {
      if (type === 'packet-rejected') again ??= plugin.disconnect()
    })
    await send()
    const answers = [10, 20, 30].map((amount) => send({ amount }))
    await plugin.disconnect()
    expect(await Promise.all(answers)).toEqual(['T01', 'T01', 'T01'])
    await again
    expect(seen.filter(({ type }) => type === 'packet-rejected')).toHaveLength(3)
    expect(handle.snapshot().outgoing).toMatchObject({ waiting: 0, waitingAmount: 0n })
  })

  // Each that came while they were cancelled was cancelled in the same turn, and an observer that sent anew never let
  // it end.
  it('are cancelled without those whom an observer sends meanwhile', async () => {
    const { clock, plugin, send, seen, handle } = setup()
    let sends = 0
    const later: Promise<string>[] = []
    events(plugin).subscribe(({ type }) => {
      if (type === 'packet-rejected' && ++sends < 20) later.push(send({ amount: 7 }))
    })
    await send()
    const answers = [send({ amount: 2 }), send({ amount: 3 })]
    const disconnected = plugin.disconnect()
    expect(await Promise.all(answers)).toEqual(['T01', 'T01'])
    expect(seen.filter(({ type }) => type === 'packet-rejected')).toHaveLength(2)
    expect(handle.snapshot().outgoing).toMatchObject({ waiting: 2, waitingAmount: 14n })
    await disconnected
    await plugin.connect()
    await clock.advance(20)
    expect(await Promise.all(later)).toEqual(['fulfilled', 'fulfilled'])
  })

  it('are cancelled by an error of the plugin, which must not be used any more', async () => {
    const { clock, plugin, peer, send, sent } = setup()
    plugin.on('error', () => {})
    await send()
    const answer = send()
    peer.fail(new Error('broken'))
    expect(await answer).toBe('T01')
    expect(clock.pending).toBe(0)
    expect(sent).toHaveLength(1)
  })

  it('go on over a lost connection: they are not sent before their turn, and then the plugin says what it is', async () => {
    const { clock, peer, send } = setup()
    await send()
    const answer = send()
    peer.lose()
    peer.restore()
    await clock.advance(10)
    expect(await answer).toBe('fulfilled')
  })

  it('are cancelled by unwrap()', async () => {
    const { clock, plugin, send } = setup()
    await send()
    const answer = send()
    unwrap(plugin)
    expect(await answer).toBe('T01')
    expect(clock.pending).toBe(0)
  })

  it('are there again after disconnect() and connect()', async () => {
    const { clock, plugin, send } = setup()
    await send()
    const cancelled = send()
    await plugin.disconnect()
    expect(await cancelled).toBe('T01')
    await plugin.connect()
    const answer = send()
    await clock.advance(10)
    expect(await answer).toBe('fulfilled')
  })
})
