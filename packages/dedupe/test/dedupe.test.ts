import { describe as describeStack, events, unwrap, wrap } from '@ilp-wrap/core'
import type { PluginEvent, PluginV2 } from '@ilp-wrap/core'
import { rejectCode, rejectTriggeredBy } from '@ilp-wrap/core/packet'
import {
  MemoryLog,
  conformance,
  fulfill,
  mockPair,
  prepare,
  referenceFactory,
  rejectPacket,
  testClock
} from '@ilp-wrap/testing'
import type { MockPeer, PrepareFields, TestClock } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { dedupe, minimalOptions } from '../src/index.js'
import type { DedupeOptions } from '../src/index.js'

conformance({ describe, it }, referenceFactory(), { wrap: dedupe(minimalOptions) })
describe('dedupe in both directions', () => {
  conformance({ describe, it }, referenceFactory(), { wrap: dedupe({ incoming: true, outgoing: true }) })
})

interface Fixture {
  clock: TestClock
  plugin: PluginV2
  peer: MockPeer
  seen: PluginEvent[]
  /** A prepare that expires so many milliseconds from now by the test's clock. */
  packet: (expiresInMs?: number, fields?: PrepareFields) => Buffer
  /** Sends a prepare and has the peer fulfill it. */
  fulfilled: (data: Buffer) => Promise<Buffer>
}

function setup(options?: DedupeOptions): Fixture {
  const clock = testClock()
  const { plugin: inner, peer } = mockPair({ connected: true })
  const plugin = wrap(inner, [dedupe(options)], { clock })
  const seen: PluginEvent[] = []
  events(plugin).subscribe((event) => seen.push(event))
  return {
    clock,
    plugin,
    peer,
    seen,
    packet: (expiresInMs = 10_000, fields) => prepare({ expiresAt: clock.now() + expiresInMs, amount: 10, ...fields }),
    fulfilled: async (data) => {
      const answer = plugin.sendData(data)
      ;(await peer.request()).fulfill({ data: Buffer.from('paid') })
      return answer
    }
  }
}

const paid = fulfill({ data: Buffer.from('paid') })

/** What a promise rejects with. */
async function failure(promise: Promise<unknown>): Promise<unknown> {
  let reply: unknown
  try {
    reply = await promise
  } catch (error) {
    return error
  }
  throw new Error(`Expected a rejection, got ${String(reply)}`)
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = {}
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending
}

describe('a prepare that was fulfilled', () => {
  it('is not sent again: who repeats it gets the fulfill', async () => {
    const { plugin, peer, packet, fulfilled, seen } = setup()
    const data = packet(10_000, { amount: 7, destination: 'example.bob' })
    expect(await fulfilled(data)).toEqual(paid)
    expect(await plugin.sendData(Buffer.from(data))).toEqual(paid)
    expect(peer.requests.size).toBe(0)
    expect(seen).toMatchObject([
      {
        type: 'packet-deduplicated',
        source: 'dedupe',
        direction: 'outgoing',
        amount: 7n,
        destination: 'example.bob',
        original: 'fulfilled'
      }
    ])
  })

  it.each<[string, number, number, boolean]>([
    ['as much and as late', 10, 10_000, true],
    ['less, and earlier', 9, 9999, true],
    ['more', 11, 10_000, false],
    ['later', 10, 10_001, false]
  ])('answers one that asks for %s: %d units in %d ms, %s', async (_, amount, expiresInMs, isAnswered) => {
    const { plugin, peer, packet, fulfilled } = setup()
    const repeated = packet(expiresInMs, { amount })
    await fulfilled(packet())
    void plugin.sendData(repeated)
    expect(peer.requests.size).toBe(isAnswered ? 0 : 1)
  })

  it.each<[string, PrepareFields]>([
    ['destination', { destination: 'example.receiver2' }],
    ['condition', { condition: Buffer.alloc(32, 1) }],
    ['data', { data: Buffer.from('other') }],
    ['data, which is long', { data: Buffer.alloc(5000, 1) }]
  ])('does not answer one with another %s', async (_, fields) => {
    const { plugin, peer, packet, fulfilled } = setup()
    await fulfilled(packet())
    await fulfilled(packet(10_000, { data: Buffer.alloc(5000, 2) }))
    void plugin.sendData(packet(10_000, fields))
    expect(peer.requests.size).toBe(1)
  })

  it('answers one that carries much data', async () => {
    const { plugin, packet, fulfilled } = setup()
    const data = packet(10_000, { data: Buffer.alloc(32_000, 7) })
    await fulfilled(data)
    expect(await plugin.sendData(data)).toEqual(paid)
  })

  it('answers until its expiry and graceMs more', async () => {
    const { clock, plugin, peer, packet, fulfilled } = setup({ graceMs: 2000 })
    const data = packet(10_000)
    await fulfilled(data)
    await clock.advance(11_999)
    expect(await plugin.sendData(data)).toEqual(paid)
    await clock.advance(1)
    void plugin.sendData(data)
    expect(peer.requests.size).toBe(1)
  })

  it('answers for maxHoldMs and graceMs at most, however late it expires', async () => {
    const { clock, plugin, peer, packet, fulfilled } = setup({ maxHoldMs: 20_000, graceMs: 2000 })
    const data = packet(1e9)
    await fulfilled(data)
    await clock.advance(21_999)
    expect(await plugin.sendData(data)).toEqual(paid)
    await clock.advance(1)
    void plugin.sendData(data)
    expect(peer.requests.size).toBe(1)
  })

  it('is forgotten when the wall clock goes back by more than it was to be kept', async () => {
    const { clock, plugin, peer, packet, fulfilled } = setup()
    const data = packet(10_000)
    await fulfilled(data)
    clock.jump(-20_001)
    void plugin.sendData(data)
    expect(peer.requests.size).toBe(1)
  })

  it('gives everybody bytes of their own', async () => {
    const { plugin, packet, fulfilled } = setup()
    const data = packet()
    const original = await fulfilled(data)
    original.fill(0)
    ;(await plugin.sendData(data)).fill(0)
    expect(await plugin.sendData(data)).toEqual(paid)
  })

  it('is known by its bytes when it was sent: the host may use its Buffer again', async () => {
    const { plugin, peer, packet } = setup()
    const data = packet()
    const copy = Buffer.from(data)
    const answer = plugin.sendData(data)
    data.fill(0)
    ;(await peer.request()).fulfill()
    await answer
    await plugin.sendData(copy)
    expect(peer.requests.size).toBe(0)
  })

  it('stays known over a connection that was lost and made again', async () => {
    const { plugin, packet, fulfilled } = setup()
    const data = packet()
    await fulfilled(data)
    await plugin.disconnect()
    await plugin.connect()
    expect(await plugin.sendData(data)).toEqual(paid)
  })

  it('is not kept if the fulfill came at its expiry or later, when it no longer counts', async () => {
    const { clock, plugin, peer, packet } = setup()
    const data = packet(100)
    const answer = plugin.sendData(data)
    await clock.advance(100)
    ;(await peer.request()).fulfill()
    expect(await answer).toEqual(fulfill())
    void plugin.sendData(data)
    expect(peer.requests.size).toBe(1)
  })

  it('makes room for others: the one that was not used for the longest goes first', async () => {
    const { plugin, peer, packet, fulfilled } = setup({ maxEntries: 2 })
    const [a, b, c] = ['a', 'b', 'c'].map((seed) => packet(10_000, { data: Buffer.from(seed) })) as [
      Buffer,
      Buffer,
      Buffer
    ]
    await fulfilled(a)
    await fulfilled(b)
    await plugin.sendData(a)
    await fulfilled(c)
    await plugin.sendData(a)
    await plugin.sendData(c)
    expect(peer.requests.size).toBe(0)
    void plugin.sendData(b)
    expect(peer.requests.size).toBe(1)
  })

  it('is not kept if it would take more than maxBytes', async () => {
    const { plugin, peer, packet } = setup({ maxBytes: 1000 })
    for (const [bytes, requests] of [
      [100, 0],
      [1000, 1]
    ] as const) {
      const data = packet(10_000, { data: Buffer.of(requests) })
      const answer = plugin.sendData(data)
      ;(await peer.request()).fulfill({ data: Buffer.alloc(bytes) })
      await answer
      void plugin.sendData(data)
      expect(peer.requests.size).toBe(requests)
    }
  })
})

describe('a prepare that was not fulfilled', () => {
  // ilp-connector keeps rejects and errors, so that a packet that may well pass now gets a refusal of half a minute ago.
  it('is sent again once it was rejected', async () => {
    const { plugin, peer, packet, seen } = setup()
    const data = packet()
    const answer = plugin.sendData(data)
    ;(await peer.request()).reject('T04')
    expect(rejectCode(await answer)).toBe('T04')
    const again = plugin.sendData(data)
    ;(await peer.request()).fulfill()
    expect(await again).toEqual(fulfill())
    expect(seen).toEqual([])
  })

  it.each<[string, unknown]>([
    ['an error', new Error('lost')],
    ['undefined', undefined]
  ])('is sent again once the plugin threw %s', async (_, error) => {
    const { plugin, peer, packet } = setup()
    const data = packet()
    const answer = failure(plugin.sendData(data))
    ;(await peer.request()).throw(error)
    expect(await answer).toBe(error)
    void plugin.sendData(data)
    expect(peer.requests.size).toBe(1)
  })

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['what is no ILP packet', Buffer.from('hello')],
    ['what is no Buffer', undefined as unknown as Buffer]
  ])('is sent again once the answer was %s', async (_, reply) => {
    const { plugin, peer, packet } = setup()
    const data = packet()
    const answer = plugin.sendData(data)
    ;(await peer.request()).answer(reply)
    expect(await answer).toBe(reply)
    void plugin.sendData(data)
    expect(peer.requests.size).toBe(1)
  })
})

describe('a prepare that is in flight', () => {
  it('is not sent again: who repeats it gets the same answer', async () => {
    const { plugin, peer, packet, seen } = setup()
    const data = packet()
    const answers = [plugin.sendData(data), plugin.sendData(data), plugin.sendData(packet(10_000, { amount: 1 }))]
    const request = await peer.request()
    expect(peer.requests.size).toBe(0)
    const reply = rejectPacket('T01')
    request.answer(reply)
    expect(await answers[0]).toBe(reply)
    for (const answer of answers) expect(await answer).toEqual(reply)
    expect(seen).toMatchObject([
      { type: 'packet-deduplicated', original: 'in-flight', amount: 10n },
      { type: 'packet-deduplicated', original: 'in-flight', amount: 1n }
    ])
  })

  // All got the very object, so that who was the first to write into it spoiled it for the others.
  it.each([
    ['a fulfill', paid],
    ['a reject', rejectPacket('T01')],
    ['what is no ILP packet', Buffer.from('hello')]
  ])('gives everybody bytes of their own when the answer is %s', async (_, reply) => {
    const { plugin, peer, packet } = setup()
    const seen = [10_000, 10_000, 10_000, 9000, 9000].map(async (ms) => {
      const answer = await plugin.sendData(packet(ms))
      const bytes = Buffer.from(answer)
      answer.fill(0)
      return bytes
    })
    ;(await peer.request()).answer(Buffer.from(reply))
    expect(await Promise.all(seen)).toEqual(seen.map(() => reply))
  })

  it('shares an answer that is no Buffer', async () => {
    const { plugin, peer, packet } = setup()
    const answers = [10_000, 10_000, 9000].map((ms) => plugin.sendData(packet(ms)))
    ;(await peer.request()).answer(undefined as unknown as Buffer)
    for (const answer of answers) expect(await answer).toBe(undefined)
  })

  it('shares its error, too, with those that expire earlier as well', async () => {
    const { plugin, peer, packet } = setup()
    const errors = [10_000, 10_000, 9000].map((ms) => failure(plugin.sendData(packet(ms))))
    const error = new Error('lost')
    ;(await peer.request()).throw(error)
    for (const each of errors) expect(await each).toBe(error)
  })

  // Without this, who repeats a packet with an earlier expiry, as in a loop of connectors that each take some of the
  // time, waits beyond it: `expire` stands within, and has not seen the repetition.
  it('is waited for by one that expires earlier until then, and no longer', async () => {
    const { clock, plugin, peer, packet, seen } = setup()
    const original = plugin.sendData(packet(10_000))
    const repeated = plugin.sendData(packet(4000, { amount: 3 }))
    await clock.advance(3999)
    expect(await isPending(repeated)).toBe(true)
    await clock.advance(1)
    const reply = await repeated
    expect([rejectCode(reply), rejectTriggeredBy(reply)]).toEqual(['R00', ''])
    ;(await peer.request()).fulfill()
    expect(await original).toEqual(fulfill())
    await clock.advance(10_000)
    expect(seen).toMatchObject([
      { type: 'packet-deduplicated', original: 'in-flight', amount: 3n },
      {
        type: 'packet-rejected',
        source: 'dedupe',
        direction: 'outgoing',
        code: 'R00',
        amount: 3n,
        destination: 'example.receiver'
      }
    ])
  })

  // Whoever wrote into a reply once spoiled the replies of all plugins after it.
  it('gives each that has expired a reject of its own', async () => {
    const { clock, plugin, packet } = setup()
    void plugin.sendData(packet(10_000))
    const repeated = [plugin.sendData(packet(1000)), plugin.sendData(packet(2000))]
    await clock.advance(2000)
    const [first, second] = (await Promise.all(repeated)) as [Buffer, Buffer]
    first.fill(0)
    expect(rejectCode(second)).toBe('R00')
  })

  it('answers one that expires earlier in time', async () => {
    const { clock, plugin, peer, packet } = setup()
    const original = plugin.sendData(packet(10_000))
    const repeated = plugin.sendData(packet(4000))
    await clock.advance(3999)
    ;(await peer.request()).fulfill()
    expect(await repeated).toEqual(await original)
    await plugin.disconnect()
    expect(clock.pending).toBe(0)
  })

  it('answers one that has just expired with R00, though the timer was not there yet; a reject passes', async () => {
    const { clock, plugin, peer, packet } = setup()
    const late = plugin.sendData(packet(4000))
    const repeated = plugin.sendData(packet(3999))
    clock.jump(3999)
    ;(await peer.request()).fulfill()
    expect(await late).toEqual(fulfill())
    expect(rejectCode(await repeated)).toBe('R00')

    void plugin.sendData(packet(4000, { amount: 20 }))
    const rejected = plugin.sendData(packet(3000, { amount: 20 }))
    clock.jump(3000)
    ;(await peer.request()).reject('F02')
    expect(rejectCode(await rejected)).toBe('F02')
  })

  it('tells nobody of an R00 that nobody asked for', async () => {
    const clock = testClock()
    const { plugin: inner, peer } = mockPair({ connected: true })
    const plugin = wrap(inner, [dedupe()], { clock })
    const expiresAt = clock.now() + 1000
    void plugin.sendData(prepare({ expiresAt }))
    const repeated = plugin.sendData(prepare({ expiresAt: expiresAt - 1 }))
    await clock.advance(1000)
    expect(rejectCode(await repeated)).toBe('R00')
    expect(peer.requests.size).toBe(1)
  })

  it('is replaced by one that asks for more, which those that follow share', async () => {
    const { plugin, peer, packet } = setup()
    const small = plugin.sendData(packet(10_000, { amount: 10 }))
    const large = plugin.sendData(packet(10_000, { amount: 20 }))
    const first = await peer.request()
    const second = await peer.request()
    const repeated = [plugin.sendData(packet(10_000, { amount: 10 }))]
    // the smaller one's end leaves the larger one alone
    first.reject('T00')
    expect(rejectCode(await small)).toBe('T00')
    repeated.push(plugin.sendData(packet(10_000, { amount: 15 })))
    second.fulfill()
    for (const answer of [large, ...repeated]) expect(await answer).toEqual(fulfill())
    expect(await plugin.sendData(packet(10_000, { amount: 20 }))).toEqual(fulfill())
    expect(peer.requests.size).toBe(0)
  })

  it('keeps its fulfill, whatever becomes of one that asked for more', async () => {
    const { plugin, peer, packet } = setup()
    const small = plugin.sendData(packet(10_000, { amount: 10 }))
    const large = plugin.sendData(packet(10_000, { amount: 20 }))
    ;(await peer.request()).fulfill()
    await small
    ;(await peer.request()).reject('T04')
    await large
    expect(await plugin.sendData(packet(10_000, { amount: 10 }))).toEqual(fulfill())
    expect(peer.requests.size).toBe(0)
    void plugin.sendData(packet(10_000, { amount: 20 }))
    expect(peer.requests.size).toBe(1)
  })

  it('does not put its fulfill in the place of one for more', async () => {
    const { plugin, peer, packet } = setup()
    const small = plugin.sendData(packet(10_000, { amount: 10 }))
    const large = plugin.sendData(packet(10_000, { amount: 20 }))
    const first = await peer.request()
    ;(await peer.request()).fulfill()
    await large
    first.fulfill()
    await small
    expect(await plugin.sendData(packet(10_000, { amount: 20 }))).toEqual(fulfill())
  })

  it('is sent again if more than maxEntries are in flight; each still has its own answer', async () => {
    const { plugin, peer, packet } = setup({ maxEntries: 1 })
    const a = packet(10_000, { data: Buffer.from('a') })
    const b = packet(10_000, { data: Buffer.from('b') })
    const answers = [a, b, b, a].map((data) => plugin.sendData(data))
    expect(peer.requests.size).toBe(3)
    for (const amount of [1, 2, 3]) (await peer.request()).fulfill({ data: Buffer.from([amount]) })
    const replies = await Promise.all(answers)
    expect(replies.map((reply) => reply.at(-1))).toEqual([1, 2, 3, 1])
  })

  // The handlers of answers are used again: what comes in another order must not get mixed up.
  it('gets its own answer among many', async () => {
    const { plugin, peer, packet } = setup()
    const packets = Array.from({ length: 600 }, (_, i) => packet(10_000, { data: Buffer.from(String(i)) }))
    const answers = packets.map((data) => plugin.sendData(data))
    const requests = await Promise.all(packets.map(() => peer.request()))
    for (const [i, request] of [...requests.entries()].reverse()) {
      if (i % 3 === 0) request.reject('T00')
      else request.fulfill({ data: Buffer.from(String(i)) })
    }
    await Promise.all(answers)
    for (const [i, data] of packets.entries()) {
      if (i % 3 === 0) continue
      expect(await plugin.sendData(data)).toEqual(fulfill({ data: Buffer.from(String(i)) }))
    }
    expect(peer.requests.size).toBe(0)
  })
})

describe('what dedupe leaves alone', () => {
  it.each<[string, Buffer]>([
    ['data that is no prepare', Buffer.from('hello')],
    ['prepares for the peer itself', prepare({ destination: 'peer.config' })]
  ])('is %s', async (_, data) => {
    const { clock, plugin, peer } = setup({ incoming: true, outgoing: true })
    const handled: Buffer[] = []
    plugin.registerDataHandler((data) => {
      handled.push(data)
      return Promise.resolve(fulfill())
    })
    const answers = [plugin.sendData(data), plugin.sendData(data)]
    for (const answer of answers) {
      const request = await peer.request()
      expect(request.data).toBe(data)
      const reply = fulfill()
      request.answer(reply)
      expect(await answer).toBe(reply)
    }
    await peer.sendData(data)
    await peer.sendData(data)
    expect(handled).toEqual([data, data])
    expect(clock.pending).toBe(0)
  })
})

describe('dedupe, incoming', () => {
  function host(options: DedupeOptions): Fixture & { handled: Buffer[]; answer: (reply: Buffer) => void } {
    const fixture = setup(options)
    const handled: Buffer[] = []
    const waiting: ((reply: Buffer) => void)[] = []
    fixture.plugin.registerDataHandler((data) => {
      handled.push(data)
      return new Promise((resolve) => waiting.push(resolve))
    })
    return { ...fixture, handled, answer: (reply) => waiting.shift()?.(reply) }
  }

  it('answers the peer that repeats a packet without asking the host again', async () => {
    const { peer, packet, handled, answer, seen } = host({ incoming: true })
    const data = packet()
    const answers = [peer.sendData(data), peer.sendData(Buffer.from(data))]
    answer(paid)
    for (const each of answers) expect(await each).toEqual(paid)
    expect(await peer.sendData(data)).toEqual(paid)
    expect(handled).toEqual([data])
    expect(seen).toMatchObject([
      { type: 'packet-deduplicated', direction: 'incoming', original: 'in-flight' },
      { type: 'packet-deduplicated', direction: 'incoming', original: 'fulfilled' }
    ])
  })

  it('leaves packets to the peer alone, unless told otherwise', async () => {
    const { plugin, peer, packet } = host({ incoming: true })
    const data = packet()
    void plugin.sendData(data)
    void plugin.sendData(data)
    expect(peer.requests.size).toBe(2)
  })

  it('forgets in its time', async () => {
    const { clock, peer, packet, handled, answer } = host({ incoming: true, maxHoldMs: 1000, graceMs: 0 })
    const data = packet()
    const reply = peer.sendData(data)
    answer(paid)
    await reply
    await clock.advance(1000)
    expect(clock.pending).toBe(0)
    void peer.sendData(data)
    expect(handled).toHaveLength(2)
  })

  // A packet that comes back the way it went is no repetition: answered so, it would wait for itself.
  it('knows each direction by itself', async () => {
    const { plugin, peer, packet, handled } = host({ incoming: true, outgoing: true })
    const data = packet()
    void peer.sendData(data)
    void plugin.sendData(data)
    expect(handled).toEqual([data])
    expect(peer.requests.size).toBe(1)
  })
})

it('keeps what two plugins have sent apart', async () => {
  const middleware = dedupe()
  const one = mockPair({ connected: true })
  const other = mockPair({ connected: true })
  const data = prepare()
  const answer = wrap(one.plugin, [middleware]).sendData(data)
  ;(await one.peer.request()).fulfill()
  await answer
  void wrap(other.plugin, [middleware]).sendData(data)
  expect(other.peer.requests.size).toBe(1)
})

describe('the timer of dedupe', () => {
  it('is one for all packets, and keeps no process alive', async () => {
    const { clock, plugin, peer, packet } = setup({ incoming: true, outgoing: true })
    peer.onData = () => Promise.resolve(fulfill())
    plugin.registerDataHandler(() => Promise.resolve(fulfill()))
    for (let i = 0; i < 50; i++) {
      await plugin.sendData(packet(10_000, { data: Buffer.from([i]) }))
      await peer.sendData(packet(10_000, { data: Buffer.from([i]) }))
    }
    expect([clock.pending, clock.keepingAlive]).toEqual([1, 0])
  })

  it('ends once there is nothing left, and begins again', async () => {
    const { clock, plugin, packet, fulfilled } = setup({ maxHoldMs: 10_000, graceMs: 1000 })
    await fulfilled(packet(20_000))
    await clock.advance(11_000)
    expect(clock.pending).toBe(0)
    // half of its time after the timer has gone off, it is still known
    const data = packet(20_000)
    await fulfilled(packet(5000, { data: Buffer.from('a') }))
    await clock.advance(4000)
    await fulfilled(data)
    await clock.advance(7000)
    expect(clock.pending).toBe(1)
    expect(await plugin.sendData(data)).toEqual(paid)
    await clock.advance(11_000)
    expect(clock.pending).toBe(0)
  })

  it('forgets a packet that is never answered', async () => {
    const { clock, plugin, peer, packet } = setup({ maxHoldMs: 10_000, graceMs: 0 })
    const data = packet(60_000)
    const answer = plugin.sendData(data)
    await clock.advance(10_000)
    const repeated = plugin.sendData(data)
    expect(peer.requests.size).toBe(1)
    await clock.advance(10_000)
    expect(clock.pending).toBe(0)
    void plugin.sendData(data)
    expect(peer.requests.size).toBe(2)
    // the first one’s answer is kept all the same, when it comes after all
    ;(await peer.request()).fulfill()
    await answer
    expect(await repeated).toEqual(fulfill())
    expect(await plugin.sendData(data)).toEqual(fulfill())
  })

  it('is not left behind after disconnect(), nor begun by an answer that comes then, until connect()', async () => {
    const { clock, plugin, peer, packet, fulfilled } = setup()
    const answer = plugin.sendData(packet())
    expect(clock.pending).toBe(1)
    await plugin.disconnect()
    expect(clock.pending).toBe(0)
    ;(await peer.request()).fulfill()
    await answer
    expect(clock.pending).toBe(0)
    await plugin.connect({ timeout: 10 })
    await fulfilled(packet(10_000, { data: Buffer.from('a') }))
    expect(clock.pending).toBe(1)
  })

  it('is not left behind after unwrap(), but for one that waits for another’s answer', async () => {
    const { clock, plugin, packet } = setup()
    void plugin.sendData(packet(1000))
    const repeated = plugin.sendData(packet(500))
    unwrap(plugin)
    expect(clock.pending).toBe(1)
    await clock.advance(500)
    expect(rejectCode(await repeated)).toBe('R00')
    expect(clock.pending).toBe(0)
  })
})

describe('the options of dedupe', () => {
  it.each<[unknown, string]>([
    [{ ttl: 5 }, 'Unknown option `ttl`'],
    [{ incoming: 'yes' }, 'Expected `incoming` to be a boolean, got `yes` (string)'],
    [{ outgoing: 0 }, 'Expected `outgoing` to be a boolean, got `0` (number)'],
    [{ maxEntries: 0 }, 'Expected `maxEntries` to be a whole number from 1 to 16777216, got `0` (number)'],
    [{ maxBytes: 1.5 }, 'Expected `maxBytes` to be a whole number, at least 1, got `1.5` (number)'],
    [{ maxHoldMs: 0 }, 'Expected `maxHoldMs` to be a number of milliseconds, at least 1, got `0` (number)'],
    [{ graceMs: -1 }, 'Expected `graceMs` to be a number of milliseconds, zero or more, got `-1` (number)']
  ])('name what is unknown or wrong: %j', (options, message) => {
    expect(() => dedupe(options as DedupeOptions)).toThrow(message)
  })

  it('decide where it stands: outside of the books for what goes out, inside for what comes in', () => {
    const place = (options?: DedupeOptions): unknown =>
      describeStack(wrap(mockPair().plugin, [dedupe(options)])).middleware[0]?.place
    expect(place()).toEqual({ outgoing: 'outside-books' })
    expect(place({ incoming: true })).toEqual({ incoming: 'inside-books' })
    expect(place({ incoming: true, outgoing: true })).toEqual({ incoming: 'inside-books', outgoing: 'outside-books' })
  })

  it('let it stand in the list once per direction without a warning', () => {
    const log = new MemoryLog()
    wrap(mockPair().plugin, [dedupe({ incoming: true }), dedupe()], { log })
    expect(log.lines).toEqual([])
  })
})
