import { NotAcceptedError, wrap } from '@ilp-wrap/core'
import type { Middleware, PluginV2 } from '@ilp-wrap/core'
import { rejectCode, rejectData } from '@ilp-wrap/core/packet'
import { fulfill, fulfillmentOf, mockPair, prepare, rejectPacket, testClock } from '@ilp-wrap/testing'
import type { MockPair, TestClock } from '@ilp-wrap/testing'
import { recommended } from 'ilp-wrap'
import { describe, expect, it } from 'vitest'
import { RecommendedFused } from '../bench/fused/recommended.js'
import type { FusedRecommendedOptions } from '../bench/fused/recommended.js'

/**
 * The recommended stack, and the same work fused by hand, which the benchmark measures it against: it would mean nothing
 * if the two did not do the same.
 */

type Options = Omit<FusedRecommendedOptions, 'clock'>

const makers: Record<string, (plugin: PluginV2, options: Options, clock: TestClock) => PluginV2> = {
  'recommended()': (plugin, options, clock) =>
    wrap(plugin, recommended({ ...options, logging: false }) as Middleware[], { clock }),
  'fused by hand': (plugin, options, clock) => new RecommendedFused(plugin, { ...options, clock })
}

const fulfilling = (): Promise<Buffer> => Promise.resolve(fulfill())
const rejecting = (): Promise<Buffer> => Promise.resolve(rejectPacket('F99'))
const never = (): Promise<Buffer> => new Promise(() => undefined)

describe.each(Object.entries(makers))('%s', (_name, make) => {
  type Fields = Parameters<typeof prepare>[0]

  interface World extends MockPair {
    clock: TestClock
    host: PluginV2
    /** A prepare like no other, unless its data say otherwise. */
    packet(fields?: Fields): Buffer
    /** Sends one from the host; a reject comes as its code, a fulfill as 'fulfilled', an error as its message. */
    send(fields?: Fields): Promise<string>
    /** The same from the peer. */
    receive(fields?: Fields): Promise<string>
  }

  function setup(options: Partial<Options> = {}, handler: (data: Buffer) => Promise<Buffer> = never): World {
    const clock = testClock()
    const { plugin, peer } = mockPair({ connected: true })
    const host = make(plugin, { balance: { maximum: 10n, minimum: -10n }, ...options }, clock)
    host.registerDataHandler(handler)
    let made = 0
    const packet = (fields: Fields): Buffer =>
      prepare({ expiresAt: clock.now() + 30_000, data: Buffer.from(`packet ${made++}`), ...fields })
    return {
      clock,
      plugin,
      peer,
      host,
      packet,
      send: (fields) => outcome(host.sendData(packet(fields))),
      receive: (fields) => outcome(peer.sendData(packet(fields)))
    }
  }

  it('hands on what is fulfilled, byte for byte, either way', async () => {
    const handled: Buffer[] = []
    const { host, peer, packet } = setup({}, (data) => {
      handled.push(data)
      return fulfilling()
    })
    const [out, incoming] = [packet(), packet()]
    const sent = host.sendData(out)
    const request = await peer.request()
    expect(request.data.equals(out)).toBe(true)
    const answer = fulfill({ data: Buffer.from('thanks') })
    request.answer(answer)
    expect(await sent).toEqual(answer)
    expect(await peer.sendData(incoming)).toEqual(fulfill())
    expect(handled).toEqual([incoming])
  })

  it('refuses what is over the rate with T05, in each direction by itself, until a token has refilled', async () => {
    const rate = { capacity: 2, refillCount: 1, refillMs: 100 }
    const { send, receive, peer, clock } = setup({ rateLimit: { incoming: rate, outgoing: rate } }, fulfilling)
    peer.onData = fulfilling
    for (const go of [send, receive]) {
      expect([await go(), await go(), await go()]).toEqual(['fulfilled', 'fulfilled', 'T05'])
    }
    await clock.advance(99)
    expect([await send(), await receive()]).toEqual(['T05', 'T05'])
    await clock.advance(1)
    expect([await send(), await receive()]).toEqual(['fulfilled', 'fulfilled'])
  })

  it('takes the tokens of packets to `peer.` addresses from a bucket of their own', async () => {
    const limits = { outgoing: { capacity: 1 }, incoming: { capacity: 1 }, peer: { capacity: 2 } }
    const { send, receive, peer } = setup({ rateLimit: limits }, fulfilling)
    peer.onData = fulfilling
    for (const go of [send, receive]) {
      const neighbour = { amount: 0, destination: 'peer.settle' }
      expect([await go(neighbour), await go(neighbour), await go(neighbour)]).toEqual(['fulfilled', 'fulfilled', 'T05'])
      expect([await go(), await go()]).toEqual(['fulfilled', 'T05'])
    }
  })

  it('refuses what is too large with F08, which says how much may pass', async () => {
    const { host, peer, packet, send } = setup({ maxPacketAmount: { maximum: 5n } }, fulfilling)
    peer.onData = fulfilling
    for (const reply of [await host.sendData(packet({ amount: 6 })), await peer.sendData(packet({ amount: 6 }))]) {
      expect(rejectCode(reply)).toBe('F08')
      expect(rejectData(reply)?.readBigUInt64BE(8)).toBe(5n)
    }
    expect(await send({ amount: 5 })).toBe('fulfilled')
    expect(await send({ amount: 6, destination: 'peer.settle' })).toBe('T04')
  })

  it('refuses what is over the amount per time with T04, and what could never pass with F08', async () => {
    const perTime = { amount: 4n, refillMs: 1000 }
    const { send, receive, peer, clock } = setup({ throughput: { incoming: perTime, outgoing: perTime } }, fulfilling)
    peer.onData = fulfilling
    for (const go of [send, receive]) {
      expect(await go({ amount: 5 })).toBe('F08')
      expect([await go({ amount: 3 }), await go({ amount: 2 })]).toEqual(['fulfilled', 'T04'])
    }
    await clock.advance(250)
    expect([await send({ amount: 2 }), await receive({ amount: 2 })]).toEqual(['fulfilled', 'fulfilled'])
  })

  it('gives the amount per time back for what was not fulfilled', async () => {
    const perTime = { amount: 4n, refillMs: 1_000_000 }
    const { send, receive, peer } = setup({ throughput: { incoming: perTime, outgoing: perTime } }, rejecting)
    peer.onData = rejecting
    for (const go of [send, receive]) {
      expect([await go({ amount: 4 }), await go({ amount: 4 })]).toEqual(['F99', 'F99'])
    }
  })

  it('refuses what the books have no room for with T04, and goes no further with it', async () => {
    let handled = 0
    const { send, receive, peer } = setup({}, () => {
      handled++
      return never()
    })
    void send({ amount: 7 })
    void receive({ amount: 10 })
    expect([await send({ amount: 4 }), await receive({ amount: 1 })]).toEqual(['T04', 'T04'])
    expect([peer.requests.size, handled]).toEqual([1, 1])
    void send({ amount: 3 })
    expect(peer.requests.size).toBe(2)
  })

  it('books what is fulfilled, and lets go of what is rejected, in either direction', async () => {
    const { send, receive, peer } = setup({}, fulfilling)
    peer.onData = rejecting
    expect([await send({ amount: 10 }), await send({ amount: 10 })]).toEqual(['F99', 'F99'])
    peer.onData = fulfilling
    expect([await send({ amount: 10 }), await send()]).toEqual(['fulfilled', 'T04'])
    // the balance is −10 now: the peer may owe us 20 more
    expect([await receive({ amount: 20 }), await receive()]).toEqual(['fulfilled', 'T04'])
    expect([await send({ amount: 20 }), await send()]).toEqual(['fulfilled', 'T04'])
  })

  it('answers the peer with a reject where the host throws: its own code, or else T00, and nothing of its text', async () => {
    let error: unknown = new Error('the password is 1234')
    const { peer, packet, receive } = setup({}, () => Promise.reject(error))
    const reply = await peer.sendData(packet({ amount: 10 }))
    expect([rejectCode(reply), reply.includes('1234')]).toEqual(['T00', false])
    error = Object.assign(new Error('no'), { ilpErrorCode: 'F02' })
    expect(await receive({ amount: 10 })).toBe('F02')
  })

  it('keeps what an outgoing packet holds after a throw that proves nothing, until the packet expires', async () => {
    const { send, peer, clock } = setup()
    const sent = send({ amount: 10 })
    ;(await peer.request()).throw(new Error('lost'))
    expect(await sent).toBe('lost')
    expect(await send()).toBe('T04')
    await clock.advance(29_000)
    expect(await send()).toBe('T04')
    await clock.advance(2000)
    void send({ amount: 10 })
    expect(peer.requests.size).toBe(1)
  })

  it('lets go of an outgoing packet at once when the peer has refused it', async () => {
    const { send, peer } = setup()
    const sent = send({ amount: 10 })
    ;(await peer.request()).throw(new NotAcceptedError('no'))
    expect(await sent).toBe('no')
    void send({ amount: 10 })
    expect(peer.requests.size).toBe(1)
  })

  it('answers a packet that repeats a fulfilled one with its fulfill, and books it once', async () => {
    let handled = 0
    const { send, receive, peer, clock } = setup({}, () => {
      handled++
      return fulfilling()
    })
    const sent = { amount: 5, data: Buffer.from('sent'), expiresAt: clock.now() + 20_000 }
    const first = send(sent)
    ;(await peer.request()).fulfill()
    expect([await first, await send(sent), await send({ ...sent, amount: 4 })]).toEqual(
      new Array<string>(3).fill('fulfilled')
    )
    expect(peer.requests.size).toBe(0)
    const received = { ...sent, data: Buffer.from('received') }
    expect([await receive(received), await receive(received)]).toEqual(['fulfilled', 'fulfilled'])
    expect(handled).toBe(1)
    // the books are even again
    void send({ amount: 10 })
    expect(peer.requests.size).toBe(1)
  })

  it('sends a packet with much data once, too', async () => {
    const { send, peer, clock } = setup()
    const fields = { amount: 1, data: Buffer.alloc(5000, 1), expiresAt: clock.now() + 20_000 }
    const first = send(fields)
    ;(await peer.request()).fulfill({ data: Buffer.alloc(3000, 2) })
    expect([await first, await send(fields)]).toEqual(['fulfilled', 'fulfilled'])
    void send({ ...fields, data: Buffer.alloc(5000, 2) })
    expect(peer.requests.size).toBe(1)
  })

  it('shares the answer of a packet in flight with those that repeat it, under one hold', async () => {
    const { send, peer, clock } = setup()
    const fields = { amount: 10, data: Buffer.from('once'), expiresAt: clock.now() + 20_000 }
    const answers = [send(fields), send(fields), send({ ...fields, expiresAt: fields.expiresAt - 5000 })]
    expect(peer.requests.size).toBe(1)
    ;(await peer.request()).fulfill()
    expect(await Promise.all(answers)).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
  })

  it('sends again what was rejected, or what asks for more than the one before', async () => {
    const { send, peer, clock } = setup()
    const fields = { amount: 2, data: Buffer.from('again'), expiresAt: clock.now() + 20_000 }
    const first = send(fields)
    ;(await peer.request()).reject('F99')
    expect(await first).toBe('F99')
    const second = send(fields)
    ;(await peer.request()).fulfill()
    expect(await second).toBe('fulfilled')
    void send({ ...fields, amount: 3 })
    expect(peer.requests.size).toBe(1)
  })

  it('answers with F05 in the place of what does not fulfill the condition, and does not book it', async () => {
    const answers = [fulfill({ fulfillment: fulfillmentOf('wrong') }), Buffer.from('no packet'), Buffer.alloc(0)]
    for (const answer of answers) {
      const { send, receive, peer } = setup({}, () => Promise.resolve(answer))
      peer.onData = () => Promise.resolve(answer)
      expect([await send({ amount: 10 }), await send({ amount: 10 })]).toEqual(['F05', 'F05'])
      expect([await receive({ amount: 10 }), await receive({ amount: 10 })]).toEqual(['F05', 'F05'])
    }
  })

  it('answers with R00 at the expiry, and books no fulfill that comes later', async () => {
    const answers: ((answer: Buffer) => void)[] = []
    const { send, receive, peer, clock } = setup({}, () => new Promise((resolve) => answers.push(resolve)))
    const [sent, received] = [send({ amount: 10 }), receive({ amount: 10 })]
    const request = await peer.request()
    await clock.advance(31_000)
    expect(await Promise.all([sent, received])).toEqual(['R00', 'R00'])
    request.fulfill()
    answers[0]?.(fulfill())
    await clock.advance(0)
    void send({ amount: 10 })
    void receive({ amount: 10 })
    expect([peer.requests.size, answers.length]).toEqual([1, 2])
  })

  it('takes a fulfill that comes at the expiry for one that came too late', async () => {
    const { send, peer, clock } = setup()
    const sent = send({ amount: 10 })
    // the timer has not been there yet
    clock.jump(30_000)
    ;(await peer.request()).fulfill()
    expect(await sent).toBe('R00')
    void send({ amount: 10 })
    expect(peer.requests.size).toBe(1)
  })

  it('goes no further with what has expired already', async () => {
    let handled = 0
    const { send, receive, peer, clock } = setup({}, () => {
      handled++
      return never()
    })
    const fields = { amount: 10, expiresAt: clock.now() }
    expect([await send(fields), await receive(fields)]).toEqual(['R00', 'R00'])
    expect([peer.requests.size, handled]).toEqual([0, 0])
    void send({ amount: 10 })
    expect(peer.requests.size).toBe(1)
  })

  it('sends the same bytes again after a T00, under one hold', async () => {
    const { host, send, peer, packet, clock } = setup()
    const data = packet({ amount: 10 })
    const bytes = Buffer.from(data)
    const sent = outcome(host.sendData(data))
    const first = await peer.request()
    // the plugin owns what it was given
    first.data.fill(0, 80)
    first.reject('T00')
    await clock.advance(0)
    expect(await send()).toBe('T04')
    await clock.advance(200)
    const second = await peer.request()
    expect(second.data.equals(bytes)).toBe(true)
    second.fulfill()
    expect(await sent).toBe('fulfilled')
    expect(await send()).toBe('T04')
  })

  it('makes three attempts at most, and hands the last reject back', async () => {
    const { send, peer, clock } = setup()
    const codes = ['T00', 'T01', 'T00']
    peer.onData = () => Promise.resolve(rejectPacket(codes.shift() ?? 'F00'))
    const sent = send({ amount: 10 })
    await clock.advance(1000)
    expect(await sent).toBe('T00')
    expect(codes).toEqual([])
    peer.onData = undefined
    void send({ amount: 10 })
    expect(peer.requests.size).toBe(1)
  })

  it('answers a later attempt with R00 when the packet expires over it, and lets go of its hold', async () => {
    const { send, peer, clock } = setup()
    const sent = send({ amount: 10, expiresAt: clock.now() + 3000 })
    ;(await peer.request()).reject('T00')
    await clock.advance(200)
    expect(peer.requests.size).toBe(1)
    await clock.advance(4000)
    expect(await sent).toBe('R00')
    void send({ amount: 10 })
    expect(peer.requests.size).toBe(2)
  })

  it('refuses with T03 while too many are in flight, until one is answered or expires', async () => {
    const one = { limit: 1, maxQueued: 0 }
    const { send, receive, peer, clock } = setup({ concurrency: { incoming: one, outgoing: one } })
    const sent = send()
    void receive()
    expect([await send(), await receive()]).toEqual(['T03', 'T03'])
    ;(await peer.request()).fulfill()
    expect(await sent).toBe('fulfilled')
    await clock.advance(0)
    void send()
    expect(peer.requests.size).toBe(1)
    await clock.advance(31_000)
    peer.onData = fulfilling
    expect(await send()).toBe('fulfilled')
  })

  it('sends nothing to a peer that keeps failing, but for three trials later on', async () => {
    const { send, peer, clock } = setup()
    let sent = 0
    peer.onData = () => {
      sent++
      return Promise.reject(new Error('down'))
    }
    for (let i = 0; i < 20; i++) expect(await send({ amount: 0 })).toBe('down')
    expect(await send({ amount: 0 })).toBe('T01')
    expect(sent).toBe(20)
    peer.onData = fulfilling
    await clock.advance(4999)
    expect(await send({ amount: 0 })).toBe('T01')
    await clock.advance(1)
    for (let i = 0; i < 5; i++) expect(await send({ amount: 0 })).toBe('fulfilled')
  })

  it('passes other data on as it is, and throws where it has to refuse it', async () => {
    const { host, peer } = setup({ rateLimit: { outgoing: { capacity: 1 }, incoming: { capacity: 1 } } }, (data) =>
      Promise.resolve(data)
    )
    const other = Buffer.from('no ILP packet')
    const sent = host.sendData(other)
    ;(await peer.request()).answer(other)
    expect(await sent).toBe(other)
    expect(await peer.sendData(other)).toBe(other)
    const refused = { name: 'RateLimitedError', ilpErrorCode: 'T05' }
    await expect(host.sendData(other)).rejects.toMatchObject(refused)
    await expect(peer.sendData(other)).rejects.toMatchObject(refused)
  })

  it('lets a packet wait for the connection, under its hold', async () => {
    const { send, peer, clock } = setup()
    peer.lose()
    const sent = send({ amount: 10 })
    await clock.advance(100)
    expect(await send()).toBe('T04')
    peer.restore()
    ;(await peer.request()).fulfill()
    expect(await sent).toBe('fulfilled')
  })

  it('ends all waiting when the host disconnects', async () => {
    const { host, send, peer, clock } = setup()
    const retried = send({ amount: 10 })
    ;(await peer.request()).reject('T02')
    await clock.advance(0)
    await host.disconnect()
    expect(await retried).toBe('T02')
  })
})

async function outcome(answer: Promise<Buffer>): Promise<string> {
  try {
    const packet = await answer
    return rejectCode(packet) ?? 'fulfilled'
  } catch (error) {
    return (error as Error).message
  }
}
