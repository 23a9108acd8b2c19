import { balance } from '@ilp-wrap/balance'
import { NotAcceptedError, wrap } from '@ilp-wrap/core'
import type { PluginV2 } from '@ilp-wrap/core'
import { rejectCode } from '@ilp-wrap/core/packet'
import { rateLimit } from '@ilp-wrap/rate-limit'
import { retry } from '@ilp-wrap/retry'
import { fulfill, mockPair, prepare, rejectPacket, testClock } from '@ilp-wrap/testing'
import type { MockPair, TestClock } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { FusedPlugin } from '../bench/fused/fused.js'
import type { FusedOptions } from '../bench/fused/fused.js'

/**
 * The three of the mission together, and the same work fused by hand, which the benchmark measures them against: it would
 * mean nothing if the two did not do the same.
 */

type Options = Omit<FusedOptions, 'clock'>

const makers: Record<string, (plugin: PluginV2, options: Options, clock: TestClock) => PluginV2> = {
  '[retry(), balance(), rateLimit()]': (plugin, { maximum, minimum, ...limits }, clock) =>
    wrap(plugin, [retry(), balance({ maximum, minimum }), rateLimit(limits)], { clock }),
  'fused by hand': (plugin, options, clock) => new FusedPlugin(plugin, { ...options, clock })
}

describe.each(Object.entries(makers))('%s', (_name, make) => {
  interface World extends MockPair {
    clock: TestClock
    /** Sends a prepare from the host; a reject comes as its code, a fulfill as 'fulfilled', an error as its message. */
    send(fields?: Parameters<typeof prepare>[0]): Promise<string>
    /** The same from the peer. */
    receive(fields?: Parameters<typeof prepare>[0]): Promise<string>
    host: PluginV2
  }

  function setup(options: Partial<Options> = {}, handler: (data: Buffer) => Promise<Buffer> = never): World {
    const clock = testClock()
    const { plugin, peer } = mockPair({ connected: true })
    const host = make(plugin, { maximum: 10n, minimum: -10n, ...options }, clock)
    host.registerDataHandler(handler)
    const packet = (fields: Parameters<typeof prepare>[0]): Buffer =>
      prepare({ expiresAt: clock.now() + 30_000, ...fields })
    return {
      clock,
      plugin,
      peer,
      host,
      send: (fields) => outcome(host.sendData(packet(fields))),
      receive: (fields) => outcome(peer.sendData(packet(fields)))
    }
  }

  it('fulfills what the peer fulfills, byte for byte', async () => {
    const { host, peer, clock } = setup()
    const packet = prepare({ expiresAt: clock.now() + 30_000 })
    const sent = host.sendData(packet)
    const request = await peer.request()
    expect(request.data.equals(packet)).toBe(true)
    const answer = fulfill({ data: Buffer.from('thanks') })
    request.answer(answer)
    expect(await sent).toBe(answer)
  })

  it('refuses an outgoing packet over the rate with T05, and sends again once a token has refilled', async () => {
    const { send, peer, clock } = setup({ outgoing: { capacity: 2, refillCount: 1, refillMs: 100 } })
    peer.onData = () => Promise.resolve(fulfill())
    expect([await send(), await send(), await send()]).toEqual(['fulfilled', 'fulfilled', 'T05'])
    await clock.advance(99)
    expect(await send()).toBe('T05')
    await clock.advance(1)
    expect(await send()).toBe('fulfilled')
  })

  it('refuses an incoming packet over the rate with T05, whatever the other direction does', async () => {
    const { send, receive, peer } = setup({ incoming: { capacity: 1 } }, () => Promise.resolve(fulfill()))
    peer.onData = () => Promise.resolve(fulfill())
    expect([await receive(), await receive(), await send()]).toEqual(['fulfilled', 'T05', 'fulfilled'])
  })

  it('takes the tokens of packets to `peer.` addresses from a bucket of their own', async () => {
    const { send, receive, peer } = setup(
      { outgoing: { capacity: 1 }, incoming: { capacity: 1 }, peer: { capacity: 2 } },
      () => Promise.resolve(fulfill())
    )
    peer.onData = () => Promise.resolve(fulfill())
    for (const go of [send, receive]) {
      const neighbour = { amount: 0, destination: 'peer.config' }
      expect([await go(neighbour), await go(neighbour), await go(neighbour)]).toEqual(['fulfilled', 'fulfilled', 'T05'])
      expect([await go(), await go()]).toEqual(['fulfilled', 'T05'])
    }
  })

  it('refuses an outgoing packet below the minimum with T04, without sending it', async () => {
    const { send, peer } = setup()
    void send({ amount: 7 })
    expect(await send({ amount: 4 })).toBe('T04')
    expect(peer.requests.size).toBe(1)
    void send({ amount: 3 })
    expect(peer.requests.size).toBe(2)
  })

  it('refuses an incoming packet over the maximum with T04, without troubling the host', async () => {
    let handled = 0
    const { receive } = setup({}, () => {
      handled++
      return never()
    })
    void receive({ amount: 10 })
    expect(await receive({ amount: 1 })).toBe('T04')
    expect(handled).toBe(1)
  })

  it('books what is fulfilled, in either direction', async () => {
    const { send, receive, peer } = setup({}, () => Promise.resolve(fulfill()))
    peer.onData = () => Promise.resolve(fulfill())
    expect([await send({ amount: 10 }), await send()]).toEqual(['fulfilled', 'T04'])
    // the balance is −10 now: the peer may owe us 20 more
    expect([await receive({ amount: 20 }), await receive()]).toEqual(['fulfilled', 'T04'])
    expect([await send({ amount: 20 }), await send()]).toEqual(['fulfilled', 'T04'])
  })

  it('lets go of what is rejected, in either direction', async () => {
    const { send, receive, peer } = setup({}, () => Promise.resolve(rejectPacket('F99')))
    peer.onData = () => Promise.resolve(rejectPacket('F99'))
    for (const go of [send, receive]) {
      expect([await go({ amount: 10 }), await go({ amount: 10 })]).toEqual(['F99', 'F99'])
    }
  })

  it('lets go of an incoming packet over which the host throws, and hands the error on', async () => {
    const error = new Error('no')
    const { peer, clock, receive } = setup({}, () => Promise.reject(error))
    const packet = prepare({ amount: 10, expiresAt: clock.now() + 30_000 })
    await expect(peer.sendData(packet)).rejects.toBe(error)
    expect(await receive({ amount: 10 })).toBe('no')
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

  it('does not book a fulfill of the peer that comes after the packet has expired', async () => {
    const { send, peer, clock } = setup()
    const sent = send({ amount: 10 })
    await clock.advance(31_000)
    ;(await peer.request()).fulfill()
    expect(await sent).toBe('fulfilled')
    void send({ amount: 10 })
    expect(peer.requests.size).toBe(1)
    expect(await send()).toBe('T04')
  })

  it('does not book a fulfill of the host that comes after the packet has expired', async () => {
    const answers: ((answer: Buffer) => void)[] = []
    const { receive, clock } = setup({}, () => new Promise((resolve) => answers.push(resolve)))
    const received = receive({ amount: 10 })
    await clock.advance(31_000)
    answers[0]?.(fulfill())
    expect(await received).toBe('fulfilled')
    void receive({ amount: 10 })
    expect(answers).toHaveLength(2)
    expect(await receive()).toBe('T04')
  })

  it('sends the same bytes again after a T00, under one hold', async () => {
    const { host, send, peer, clock } = setup()
    const packet = prepare({ amount: 10, expiresAt: clock.now() + 30_000, data: Buffer.from('once') })
    const bytes = Buffer.from(packet)
    const sent = outcome(host.sendData(packet))
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

  it('sends a packet once that is rejected for good', async () => {
    const { send, peer, clock } = setup()
    const sent = send()
    ;(await peer.request()).reject('F99')
    expect(await sent).toBe('F99')
    await clock.advance(5000)
    expect(peer.requests.size).toBe(0)
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

  it('begins no attempt less than a second before the packet expires', async () => {
    const { send, peer, clock } = setup()
    const sent = send({ expiresAt: clock.now() + 900 })
    ;(await peer.request()).reject('T00')
    expect(await sent).toBe('T00')
    await clock.advance(2000)
    expect(peer.requests.size).toBe(0)
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

  it('does not send what has expired already', async () => {
    const { send, peer, clock } = setup()
    expect(await send({ amount: 10, expiresAt: clock.now() })).toBe('R00')
    void send({ amount: 10 })
    expect(peer.requests.size).toBe(1)
  })

  it('holds nothing for a packet without an amount', async () => {
    const { send, receive, peer } = setup({ maximum: 0n, minimum: 0n }, () => Promise.resolve(fulfill()))
    peer.onData = () => Promise.resolve(fulfill())
    expect([await send({ amount: 0 }), await receive({ amount: 0 })]).toEqual(['fulfilled', 'fulfilled'])
    expect([await send({ amount: 1 }), await receive({ amount: 1 })]).toEqual(['T04', 'T04'])
  })

  it('passes other data on as it is, and throws where it has to refuse it', async () => {
    const handled: Buffer[] = []
    const echo = (data: Buffer): Promise<Buffer> => {
      handled.push(data)
      return Promise.resolve(data)
    }
    const { host, peer } = setup({ outgoing: { capacity: 1 }, incoming: { capacity: 1 } }, echo)
    const other = Buffer.from('no ILP packet')
    const sent = host.sendData(other)
    ;(await peer.request()).answer(other)
    expect(await sent).toBe(other)
    expect(await peer.sendData(other)).toBe(other)
    expect(handled).toEqual([other])
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
    const request = await peer.request()
    request.fulfill()
    expect(await sent).toBe('fulfilled')
  })

  it('ends all waiting when the host disconnects', async () => {
    const { host, send, peer, clock } = setup({ minimum: -100n })
    const retried = send({ amount: 10 })
    ;(await peer.request()).reject('T02')
    await clock.advance(0)
    await host.disconnect()
    expect(await retried).toBe('T02')
  })
})

function never(): Promise<Buffer> {
  return new Promise(() => undefined)
}

async function outcome(answer: Promise<Buffer>): Promise<string> {
  try {
    const packet = await answer
    return rejectCode(packet) ?? 'fulfilled'
  } catch (error) {
    return (error as Error).message
  }
}
