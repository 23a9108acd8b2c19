import { UnreachableError, describe as describeStack, errorOutcome, events, unwrap, wrap } from '@ilp-wrap/core'
import { prepareAmount, rejectMessage, rejectTriggeredBy } from '@ilp-wrap/core/packet'
import { conformance, fulfill, mockPair, prepare, referenceFactory } from '@ilp-wrap/testing'
import type { MockRequest } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { BusyError, concurrency, concurrencyOf, minimalOptions } from '../src/index.js'
import type { ConcurrencyOptions, LimitChanges, Limits } from '../src/index.js'
import { codeOf, failure, setup } from './setup.js'
import type { Fixture } from './setup.js'

conformance({ describe, it }, referenceFactory(), { wrap: concurrency(minimalOptions) })

/** One way of a plugin: who sends, and where it arrives. */
type Way = [string, (options?: Limits) => Fixture & { pass: Fixture['send']; arrived: Fixture['requests'] }]

const ways: Way[] = [
  [
    'outgoing',
    (options) => {
      const fixture = setup({ outgoing: { limit: 1, ...options } })
      return { ...fixture, pass: fixture.send, arrived: fixture.requests }
    }
  ],
  [
    'incoming',
    (options) => {
      const fixture = setup({ incoming: { limit: 1, ...options } })
      return { ...fixture, pass: fixture.receive, arrived: fixture.received }
    }
  ]
]

const one = { limit: 1 }

describe('concurrency', () => {
  it.each(ways)('lets no more than its limit be in flight, and the others wait in order (%s)', async (way, make) => {
    const { clock, pass, arrived, handle } = make({ limit: 2 })
    const answers = [1, 2, 3, 4, 5].map((amount) => pass({ amount }))
    const order: (bigint | undefined)[] = []
    for (let answered = 0; answered < 5; answered++) {
      await clock.advance(0)
      const inFlight = Math.min(2, 5 - answered)
      expect(handle.snapshot()).toMatchObject({ [way]: { inFlight, waiting: 5 - answered - inFlight } })
      expect(arrived.size).toBe(inFlight)
      const request = await arrived.take()
      order.push(prepareAmount(request.data))
      request.fulfill()
    }
    expect(order).toEqual([1n, 2n, 3n, 4n, 5n])
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 5 }, () => 'fulfilled'))
    expect(handle.snapshot()).toMatchObject({ [way]: { inFlight: 0, waiting: 0, waitingAmount: 0n } })
  })

  it('has a limit for each direction', async () => {
    const { send, receive, requests, received } = setup({ incoming: one, outgoing: one })
    const answers = [send(), receive()]
    expect([requests.size, received.size]).toEqual([1, 1])
    for (const request of [await requests.take(), await received.take()]) request.fulfill()
    expect(await Promise.all(answers)).toEqual(['fulfilled', 'fulfilled'])
  })

  it.each(['outgoing', 'incoming'])('lets 1000 pass and 1000 wait unless told otherwise (%s)', async (direction) => {
    const { clock, send, receive, handle } = setup()
    const pass = direction === 'outgoing' ? send : receive
    const answers = Array.from({ length: 2000 }, () => pass())
    expect(handle.snapshot()).toMatchObject({ [direction]: { inFlight: 1000, waiting: 1000 } })
    expect(await pass()).toBe('T03')
    await clock.advance(30_000)
    // nobody has answered, so those who waited could not go in time
    expect((await Promise.all(answers.slice(1000))).every((code) => code === 'T03')).toBe(true)
    expect(handle.snapshot()).toMatchObject({ [direction]: { inFlight: 0, waiting: 0 } })
  })

  it('hands on the very packet, the very answer and the very error, with room and without', async () => {
    const { clock, plugin, peer, requests, received } = setup({ incoming: one, outgoing: one })
    for (const [send, arrived] of [
      [(data: Buffer) => plugin.sendData(data), requests],
      [(data: Buffer) => peer.sendData(data), received]
    ] as const) {
      const [packet, reply, error] = [prepare({ expiresAt: clock.now() + 30_000 }), fulfill(), new Error('lost')]
      const answers = Promise.allSettled([send(packet), send(packet), send(packet)])
      const first = await arrived.take()
      expect(first.data).toBe(packet)
      first.answer(reply)
      ;(await arrived.take()).throw(error)
      ;(await arrived.take()).answer(reply)
      const [a, b, c] = await answers
      expect(a).toEqual({ status: 'fulfilled', value: reply })
      expect((b as PromiseRejectedResult).reason).toBe(error)
      expect((c as PromiseFulfilledResult<Buffer>).value).toBe(reply)
    }
  })

  // A host may use its Buffer again once sendData has returned.
  it('sends the bytes as they were when the packet came', async () => {
    const { clock, plugin, send, requests } = setup({ outgoing: one })
    void send()
    const packet = prepare({ amount: 7, expiresAt: clock.now() + 30_000 })
    const bytes = Buffer.from(packet)
    void plugin.sendData(packet)
    packet.fill(0)
    ;(await requests.take()).fulfill()
    expect((await requests.take()).data).toEqual(bytes)
  })

  it('never lets a newcomer go before those who wait', async () => {
    const { clock, plugin, requests } = setup({ outgoing: one })
    const send = (amount: number): Promise<Buffer> =>
      plugin.sendData(prepare({ amount, expiresAt: clock.now() + 30_000 }))
    // the slot is free in the turn in which the host sends this one, and the heir has not gone yet
    const newcomer = send(1).then(() => send(3))
    const heir = send(2)
    for (const amount of [1n, 2n, 3n]) {
      const request = await requests.take()
      expect(prepareAmount(request.data)).toBe(amount)
      await clock.advance(0)
      expect(requests.size).toBe(0)
      request.fulfill()
    }
    expect([await heir, await newcomer].map(codeOf)).toEqual(['fulfilled', 'fulfilled'])
  })

  it('tells of those who wait', async () => {
    const { plugin, send, receive, seen, handle } = setup({ incoming: one, outgoing: one })
    const pending = [
      send({ amount: 1 }),
      send({ amount: 2 }),
      plugin.sendData(Buffer.from('hello')),
      receive({ amount: 3 }),
      receive({ amount: 4 })
    ]
    const awaited = { type: 'slot-awaited', source: 'concurrency', inFlight: 1 }
    expect(seen).toMatchObject([
      { ...awaited, direction: 'outgoing', amount: 2n, waiting: 1 },
      { ...awaited, direction: 'outgoing', amount: undefined, waiting: 2 },
      { ...awaited, direction: 'incoming', amount: 4n, waiting: 1 }
    ])
    expect(handle.snapshot()).toMatchObject({
      outgoing: { waiting: 2, waitingAmount: 2n },
      incoming: { waiting: 1, waitingAmount: 4n }
    })
    expect(pending).toHaveLength(5)
  })

  it('works as well when nobody listens', async () => {
    const { plugin: inner, peer } = mockPair({ connected: true })
    const plugin = wrap(inner, [concurrency({ outgoing: { limit: 1, maxQueued: 1 } })])
    const answers = [plugin.sendData(prepare()), plugin.sendData(prepare())]
    expect(codeOf(await plugin.sendData(prepare()))).toBe('T03')
    for (const answer of answers) {
      ;(await peer.request()).fulfill()
      expect(codeOf(await answer)).toBe('fulfilled')
    }
  })

  it.each<[string, ConcurrencyOptions, object]>([
    ['incoming', { incoming: false, outgoing: { limit: 1, maxQueued: 0 } }, { outgoing: 'any' }],
    ['outgoing', { outgoing: false, incoming: { limit: 1, maxQueued: 0 } }, { incoming: 'any' }]
  ])('does nothing to %s requests when that half is off', async (direction, options, place) => {
    const { plugin, send, receive, requests, received } = setup(options)
    const [off, on, arrived] = direction === 'incoming' ? [receive, send, received] : [send, receive, requests]
    const pending = [off(), off(), on()]
    expect(await on()).toBe('T03')
    expect(arrived.size).toBe(2)
    expect(pending).toHaveLength(3)
    expect(describeStack(plugin).middleware).toEqual([{ name: 'concurrency', place }])
  })

  it('refuses options that are unknown or wrong', () => {
    expect(() => concurrency({ incoming: { limit: 0 } })).toThrow(
      'Expected `incoming.limit` to be a whole number, at least 1, got `0` (number)'
    )
    expect(() => concurrency({ outgoing: { maxQueued: -1 } })).toThrow('Expected `outgoing.maxQueued`')
    expect(() => concurrency({ outgoing: { maxQueuedAmount: 0.5 } })).toThrow('Expected `outgoing.maxQueuedAmount`')
    expect(() => concurrency({ outgoing: { maxWaitMs: 2 ** 31 } })).toThrow('Expected `outgoing.maxWaitMs`')
    expect(() => concurrency({ outgoing: { marginMs: -1 } })).toThrow('Expected `outgoing.marginMs`')
    expect(() => concurrency({ outgoing: { timeoutMs: 0 } })).toThrow('Expected `outgoing.timeoutMs`')
    expect(() => concurrency({ outgoing: { queue: 1 } as Limits })).toThrow('Unknown option `outgoing.queue`')
    expect(() => concurrency({ limit: 1 } as ConcurrencyOptions)).toThrow('Unknown option `limit`')
  })
})

describe('a slot', () => {
  it.each(ways)('is free again after any answer, or an error (%s)', async (_, make) => {
    const { clock, plugin, peer, pass, arrived } = make({ maxQueued: 0 })
    const packet = prepare({ expiresAt: clock.now() + 30_000 })
    const send = (): Promise<Buffer> => (arrived === peer.requests ? plugin.sendData(packet) : peer.sendData(packet))
    const ends: ((request: MockRequest) => void)[] = [
      (request) => {
        request.fulfill()
      },
      (request) => {
        request.reject('T01')
      },
      (request) => {
        request.answer(Buffer.alloc(0))
      },
      (request) => {
        request.throw(new Error('lost'))
      },
      (request) => {
        request.throw(undefined)
      }
    ]
    for (const end of ends) {
      const outcome = Promise.allSettled([send()])
      expect(await pass()).toBe('T03')
      end(await arrived.take())
      await outcome
    }
  })

  // Packets that are never answered would leave less and less of the limit, and in the end nothing.
  it.each(ways)('is free again when the packet expires without an answer (%s)', async (way, make) => {
    const { clock, pass, arrived, handle } = make({ limit: 2 })
    for (let round = 0; round < 3; round++) {
      void pass({ expiresAt: clock.now() + 500 })
      void pass({ expiresAt: clock.now() + 800 })
      const waits = pass()
      expect(arrived.size).toBe(2)
      await clock.advance(499)
      expect(arrived.size).toBe(2)
      await clock.advance(1)
      expect(arrived.size).toBe(3)
      await clock.advance(300)
      expect(handle.snapshot()).toMatchObject({ [way]: { inFlight: 1 } })
      const [, , third] = [await arrived.take(), await arrived.take(), await arrived.take()]
      third.fulfill()
      expect(await waits).toBe('fulfilled')
    }
  })

  it('is freed once only, though an answer comes after the expiry', async () => {
    const { clock, send, requests, handle } = setup({ outgoing: one })
    const late = send({ expiresAt: clock.now() + 10 })
    await clock.advance(10)
    const second = send()
    ;(await requests.take()).fulfill()
    expect(await late).toBe('fulfilled')
    expect(handle.snapshot()).toMatchObject({ outgoing: { inFlight: 1 } })
    const third = send()
    await clock.advance(0)
    expect(requests.size).toBe(1)
    for (const answer of [second, third]) {
      ;(await requests.take()).fulfill()
      expect(await answer).toBe('fulfilled')
    }
    expect(handle.snapshot()).toMatchObject({ outgoing: { inFlight: 0 } })
  })

  it('is taken by data that is no prepare, too, and free again after timeoutMs', async () => {
    const { clock, plugin, send, requests } = setup({ outgoing: { limit: 1, timeoutMs: 200 } })
    void plugin.sendData(Buffer.from('hello'))
    void send()
    await clock.advance(199)
    expect(requests.size).toBe(1)
    await clock.advance(1)
    expect(requests.size).toBe(2)
  })

  it('keeps no process alive, and leaves no timer once its packet is answered and the plugin disconnected', async () => {
    const { clock, plugin, send, requests } = setup()
    const answer = send()
    expect(clock.keepingAlive).toBe(0)
    await plugin.disconnect()
    expect(clock.pending).toBe(1)
    ;(await requests.take()).fulfill()
    await answer
    expect(clock.pending).toBe(0)
  })

  // more than there are listeners kept for use again
  it('is each packet’s own, with many in flight at once', async () => {
    const { clock, send, requests, handle } = setup()
    for (let round = 0; round < 2; round++) {
      const answers = Array.from({ length: 600 }, () => send())
      const sent = await Promise.all(Array.from({ length: 600 }, () => requests.take()))
      for (const [i, request] of sent.entries()) if (i % 2 === round) request.fulfill()
      await clock.advance(0)
      expect(handle.snapshot()).toMatchObject({ outgoing: { inFlight: 300 } })
      for (const request of sent) request.reject('T00')
      expect(new Set(await Promise.all(answers))).toEqual(new Set(['fulfilled', 'T00']))
      expect(handle.snapshot()).toMatchObject({ outgoing: { inFlight: 0 } })
    }
  })
})

describe('what finds no room', () => {
  it.each(ways)('is answered T03 at once (%s)', async (direction, make) => {
    const { pass, arrived, seen } = make({ maxQueued: 1 })
    void pass()
    void pass()
    expect(await pass({ amount: 9, destination: 'example.bob' })).toBe('T03')
    expect(arrived.size).toBe(1)
    expect(seen.at(-1)).toMatchObject({
      type: 'packet-rejected',
      source: 'concurrency',
      direction,
      code: 'T03',
      amount: 9n,
      destination: 'example.bob'
    })
  })

  it('gets a reject of its own', async () => {
    const { plugin, send } = setup({ outgoing: { limit: 1, maxQueued: 0 } })
    void send()
    const [first, second] = [await plugin.sendData(prepare()), await plugin.sendData(prepare())]
    expect([codeOf(first), rejectMessage(first), rejectTriggeredBy(first)]).toEqual([
      'T03',
      'Too many packets in flight',
      ''
    ])
    expect(second).toEqual(first)
    expect(second).not.toBe(first)
  })

  it('is a BusyError for data that is no prepare', async () => {
    const { plugin, peer, seen } = setup({
      incoming: { limit: 1, maxQueued: 0 },
      outgoing: { limit: 1, maxQueued: 0 }
    })
    const hello = Buffer.from('hello')
    for (const send of [(): Promise<Buffer> => plugin.sendData(hello), (): Promise<Buffer> => peer.sendData(hello)]) {
      void send()
      const error = await failure(send())
      expect(error).toBeInstanceOf(BusyError)
      expect(error).toMatchObject({ name: 'BusyError', ilpErrorCode: 'T03', code: 'ILP_WRAP_BUSY' })
      expect(errorOutcome(error)).toBe('not-sent')
      expect(String(error)).toBe('BusyError: Too many requests in flight')
      expect(seen.at(-1)).toMatchObject({ code: 'T03', amount: undefined, destination: undefined })
    }
  })

  it('is what would bring the waiting above their amount', async () => {
    const { plugin, send, requests } = setup({ outgoing: { limit: 1, maxQueuedAmount: 100 } })
    const answers = [send({ amount: 1000 }), send({ amount: 60 }), send({ amount: 40 }), send({ amount: 0 })]
    void plugin.sendData(Buffer.from('hello'))
    expect(await send({ amount: 1 })).toBe('T03')
    ;(await requests.take()).fulfill()
    ;(await requests.take()).fulfill()
    // 60 have gone
    answers.push(send({ amount: 60 }))
    expect(await send({ amount: 1 })).toBe('T03')
    for (let i = 0; i < 4; i++) (await requests.take()).fulfill()
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['fulfilled']))
  })
})

describe('what cannot go in time', () => {
  it.each(ways)('is answered T03 as soon as that is known: marginMs before its expiry (%s)', async (_, make) => {
    const { clock, pass, arrived } = make({ marginMs: 100 })
    void pass()
    let code: string | undefined
    void pass({ expiresAt: clock.now() + 600 }).then((reply) => (code = reply))
    await clock.advance(499)
    expect(code).toBeUndefined()
    await clock.advance(1)
    expect(code).toBe('T03')
    expect(arrived.size).toBe(1)
  })

  it('is answered at once when too little is left, or nothing', async () => {
    const { clock, send } = setup({ outgoing: one })
    void send()
    expect(await send({ expiresAt: clock.now() - 1 })).toBe('T03')
    expect(await send({ expiresAt: clock.now() + 1000 })).toBe('T03')
  })

  it('passes as it is while there is room: who sees to expiries answers it', async () => {
    const { clock, send, requests } = setup({ outgoing: one })
    const answer = send({ expiresAt: clock.now() - 1 })
    ;(await requests.take()).reject('R00')
    expect(await answer).toBe('R00')
  })

  it('is what would wait for more than maxWaitMs', async () => {
    const { clock, plugin, send } = setup({ outgoing: { limit: 1, maxWaitMs: 25 } })
    void send()
    const waiting = [send(), failure(plugin.sendData(Buffer.from('hello')))]
    await clock.advance(25)
    const [code, error] = await Promise.all(waiting)
    expect(code).toBe('T03')
    expect(error).toBeInstanceOf(BusyError)
  })

  it('leaves its place to the next, wherever it stood', async () => {
    const { clock, send, requests, handle } = setup({ outgoing: { limit: 1, marginMs: 0 } })
    void send()
    const in10 = send({ expiresAt: clock.now() + 10 })
    const stays = send({ amount: 5 })
    const in20 = send({ expiresAt: clock.now() + 20 })
    await clock.advance(10)
    expect(await in10).toBe('T03')
    await clock.advance(10)
    expect(await in20).toBe('T03')
    expect(handle.snapshot()).toMatchObject({ outgoing: { waiting: 1, waitingAmount: 5n } })
    ;(await requests.take()).fulfill()
    const next = await requests.take()
    expect(prepareAmount(next.data)).toBe(5n)
    next.fulfill()
    expect(await stays).toBe('fulfilled')
  })

  it('is told so at its turn when the wall clock has jumped on meanwhile', async () => {
    const { clock, send, requests } = setup({ outgoing: one })
    void send()
    const late = send({ expiresAt: clock.now() + 5000 })
    const inTime = send({ amount: 3, expiresAt: clock.now() + 60_000 })
    clock.jump(10_000)
    ;(await requests.take()).fulfill()
    expect(await late).toBe('T03')
    const next = await requests.take()
    expect(prepareAmount(next.data)).toBe(3n)
    next.fulfill()
    expect(await inTime).toBe('fulfilled')
  })

  it('does not stand in the way of another that comes when its turn has just ended', async () => {
    const { clock, send, requests } = setup({ outgoing: { limit: 1, marginMs: 0 } })
    void send()
    const gone = send({ expiresAt: clock.now() + 10 })
    await clock.advance(10)
    const first = await requests.take()
    first.fulfill()
    expect(await gone).toBe('T03')
    const [second, third] = [send({ amount: 2 }), send({ amount: 3 })]
    for (const answer of [second, third]) {
      ;(await requests.take()).fulfill()
      expect(await answer).toBe('fulfilled')
    }
  })
})

describe('those who wait', () => {
  it.each(ways)(
    'are cancelled by disconnect(), and leave no timer that keeps a process alive (%s)',
    async (direction, make) => {
      const { clock, plugin, peer, pass, arrived, seen, handle } = make()
      void pass()
      const answers = [pass({ amount: 2 }), pass({ amount: 3 })]
      const hello = Buffer.from('hello')
      const other = failure(direction === 'outgoing' ? plugin.sendData(hello) : peer.sendData(hello))
      await plugin.disconnect()
      expect(await Promise.all(answers)).toEqual(['T01', 'T01'])
      const error = await other
      expect(error).toBeInstanceOf(UnreachableError)
      expect(error).toMatchObject({ code: 'ILP_WRAP_NOT_SENT' })
      expect(errorOutcome(error)).toBe('not-sent')
      // that of the one in flight
      expect([clock.pending, clock.keepingAlive]).toEqual([1, 0])
      expect(seen.slice(-3)).toMatchObject([
        { type: 'packet-rejected', direction, code: 'T01', amount: 2n },
        { type: 'packet-rejected', direction, code: 'T01', amount: 3n },
        { type: 'packet-rejected', direction, code: 'T01', amount: undefined }
      ])
      ;(await arrived.take()).fulfill()
      await clock.advance(60_000)
      expect(arrived.size).toBe(0)
      expect(handle.snapshot()).toMatchObject({ [direction]: { inFlight: 0, waiting: 0, waitingAmount: 0n } })
      expect(clock.pending).toBe(0)
    }
  )

  // An incoming packet whose answer no longer reaches the peer would be paid for by the host alone.
  it.each(ways)('are cancelled by a lost connection (%s)', async (_, make) => {
    const { peer, pass, arrived } = make()
    void pass()
    const answer = pass()
    peer.lose()
    expect(await answer).toBe('T01')
    expect(arrived.size).toBe(1)
  })

  it.each(ways)('are cancelled by an error of the plugin, which must not be used any more (%s)', async (_, make) => {
    const { plugin, peer, pass, arrived } = make()
    plugin.on('error', () => {})
    void pass()
    const answer = pass()
    peer.fail(new Error('broken'))
    expect(await answer).toBe('T01')
    expect(arrived.size).toBe(1)
  })

  it.each(ways)('are cancelled by unwrap() (%s)', async (_, make) => {
    const { plugin, pass } = make()
    void pass()
    const answer = pass()
    unwrap(plugin)
    expect(await answer).toBe('T01')
  })

  // They left twice, and what they held became less than nothing: no bound held any more.
  it('leave once each when an observer disconnects while they are cancelled', async () => {
    const { plugin, peer, send, seen, handle } = setup({ outgoing: { limit: 1, maxQueuedAmount: 60n } })
    let disconnected: Promise<void> | undefined
    events(plugin).subscribe(({ type }) => {
      if (type === 'packet-rejected') disconnected ??= plugin.disconnect()
    })
    void send()
    const answers = [10, 20, 30].map((amount) => send({ amount }))
    peer.lose()
    expect(await Promise.all(answers)).toEqual(['T01', 'T01', 'T01'])
    await disconnected
    expect(seen.filter(({ type }) => type === 'packet-rejected')).toHaveLength(3)
    expect(handle.snapshot().outgoing).toMatchObject({ waiting: 0, waitingAmount: 0n })
    await plugin.connect()
    expect(await send({ amount: 61 })).toBe('T03')
  })

  it('are none while there is no connection: who comes then is answered T01 at once', async () => {
    const { plugin, peer, send } = setup({ outgoing: one })
    void send()
    peer.lose()
    expect(await send()).toBe('T01')
    expect(await failure(plugin.sendData(Buffer.from('hello')))).toMatchObject({ code: 'ILP_WRAP_NOT_SENT' })
  })

  it('are not touched when the connection is made, and are there again after disconnect() and connect()', async () => {
    const { plugin, peer, send, requests } = setup({ outgoing: one })
    void send()
    const cancelled = send()
    await plugin.disconnect()
    expect(await cancelled).toBe('T01')
    await plugin.connect()
    const answer = send()
    peer.restore()
    ;(await requests.take()).fulfill()
    ;(await requests.take()).fulfill()
    expect(await answer).toBe('fulfilled')
  })
})

describe('concurrencyOf', () => {
  const limits = {
    limit: 1000,
    maxQueued: 1000,
    maxQueuedAmount: undefined,
    maxWaitMs: 30_000,
    marginMs: 1000,
    timeoutMs: 30_000
  }
  const idle = { inFlight: 0, waiting: 0, waitingAmount: 0n }

  it('shows limits, and what is in flight and waits', () => {
    const { send, handle } = setup({ outgoing: { limit: 1, maxQueuedAmount: '50' } })
    void send({ amount: 3 })
    void send({ amount: 4 })
    expect(handle.snapshot()).toEqual({
      incoming: { ...limits, ...idle },
      outgoing: { ...limits, limit: 1, maxQueuedAmount: 50n, inFlight: 1, waiting: 1, waitingAmount: 4n }
    })
  })

  it('is the same object each time, and undefined for a stack without it', () => {
    const { plugin, handle } = setup()
    expect(concurrencyOf(plugin)).toBe(handle)
    expect(concurrencyOf(wrap(mockPair().plugin, []))).toBeUndefined()
  })

  it('lets those go at once for whom there is room after a change', async () => {
    const { clock, send, requests, handle } = setup({ outgoing: one })
    for (let i = 0; i < 5; i++) void send()
    handle.setLimits({ outgoing: { limit: 3 } })
    await clock.advance(0)
    expect(requests.size).toBe(3)
    expect(handle.snapshot()).toMatchObject({ outgoing: { limit: 3, inFlight: 3, waiting: 2 } })
  })

  it('lets those in flight end, and those who wait go on to do so, when limits are lowered', async () => {
    const { clock, send, requests, handle } = setup({ outgoing: { limit: 2 } })
    const answers = [send(), send(), send(), send()]
    handle.setLimits({ outgoing: { limit: 1, maxQueued: 0 } })
    expect(await send()).toBe('T03')
    ;(await requests.take()).fulfill()
    await clock.advance(0)
    expect(requests.size).toBe(1)
    for (let i = 0; i < 3; i++) (await requests.take()).fulfill()
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['fulfilled']))
  })

  // In the recommended list each direction has a layer of its own, and handleOf() gives that of the outer one.
  it('reaches both layers where each direction has its own', () => {
    const incoming = concurrency({ outgoing: false })
    const outgoing = concurrency({ incoming: false })
    for (const list of [
      [incoming, outgoing],
      [outgoing, incoming]
    ]) {
      const handle = concurrencyOf(wrap(wrap(mockPair().plugin, []), list))!
      handle.setLimits({ incoming: { limit: 3 } })
      handle.setLimits({ outgoing: { limit: 4 } })
      expect(handle.snapshot()).toMatchObject({ incoming: { limit: 3 }, outgoing: { limit: 4 } })
    }
  })

  it.each<[LimitChanges, string]>([
    [{ outgoing: { limit: 0 } }, 'Expected `outgoing.limit` to be a whole number, at least 1, got `0` (number)'],
    [{ outgoing: { queue: 1 } as Limits }, 'Unknown option `outgoing.queue`'],
    [{ both: {} } as object, 'Unknown option `both`']
  ])('throws on what is wrong, and changes nothing: %j', (changes, message) => {
    const { handle } = setup()
    expect(() => {
      handle.setLimits({ incoming: { limit: 5 }, ...changes })
    }).toThrow(message)
    expect(handle.snapshot()).toEqual({ incoming: { ...limits, ...idle }, outgoing: { ...limits, ...idle } })
  })

  it('throws where there is nothing to change', () => {
    const { handle } = setup({ incoming: false, outgoing: false })
    expect(handle.snapshot()).toEqual({ incoming: undefined, outgoing: undefined })
    expect(() => {
      handle.setLimits({ outgoing: { limit: 1 } })
    }).toThrow('`outgoing` has no limit that could be changed')
  })
})
