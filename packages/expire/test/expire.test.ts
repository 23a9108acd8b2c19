import { TimeoutError, describe as describeStack, errorOutcome, events, unwrap, wrap } from '@ilp-wrap/core'
import type { PluginEvent, PluginV2 } from '@ilp-wrap/core'
import { prepareExpiresAt, rejectCode, rejectTriggeredBy } from '@ilp-wrap/core/packet'
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
import { expire, minimalOptions } from '../src/index.js'
import type { ExpireOptions } from '../src/index.js'

conformance({ describe, it }, referenceFactory(), { wrap: expire(minimalOptions), supports: { expiry: true } })

interface Fixture {
  clock: TestClock
  plugin: PluginV2
  peer: MockPeer
  seen: PluginEvent[]
  /** The types of all events so far. */
  told: () => string[]
  /** A prepare that expires so many milliseconds from now by the test's clock. */
  packet: (expiresInMs: number, fields?: PrepareFields) => Buffer
}

function setup(options?: ExpireOptions): Fixture {
  const clock = testClock()
  const { plugin: inner, peer } = mockPair({ connected: true })
  const plugin = wrap(inner, [expire(options)], { clock })
  const seen: PluginEvent[] = []
  events(plugin).subscribe((event) => seen.push(event))
  return {
    clock,
    plugin,
    peer,
    seen,
    told: () => seen.map(({ type }) => type),
    packet: (expiresInMs, fields) => prepare({ expiresAt: clock.now() + expiresInMs, ...fields })
  }
}

const hello = Buffer.from('hello')

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

describe('expire, outgoing', () => {
  it('answers R00 at the expiry of a prepare that has no answer, and not before', async () => {
    const { clock, plugin, packet, seen } = setup()
    const answer = plugin.sendData(packet(5000, { amount: 7, destination: 'example.bob' }))
    await clock.advance(4999)
    expect(await isPending(answer)).toBe(true)
    await clock.advance(1)
    const reply = await answer
    expect([rejectCode(reply), rejectTriggeredBy(reply)]).toEqual(['R00', ''])
    expect(seen).toMatchObject([
      {
        type: 'packet-expired',
        source: 'expire',
        direction: 'outgoing',
        code: 'R00',
        amount: 7n,
        destination: 'example.bob',
        expiresAt: clock.now()
      }
    ])
  })

  it.each([
    ['a fulfill', fulfill()],
    ['a reject', rejectPacket('T00')],
    ['an empty Buffer', Buffer.alloc(0)],
    ['undefined', undefined]
  ])('hands on %s that comes in time as it is', async (_, reply) => {
    const { clock, plugin, peer, packet, seen } = setup()
    const data = packet(5000)
    const answer = plugin.sendData(data)
    const request = await peer.request()
    expect(request.data).toBe(data)
    await clock.advance(4999)
    request.answer(reply as Buffer)
    expect(await answer).toBe(reply)
    await clock.advance(5000)
    expect(seen).toEqual([])
  })

  it.each([[new Error('lost')], ['a string'], [undefined]])('hands on what the plugin throws: %s', async (error) => {
    const { plugin, peer, packet } = setup()
    const thrown = failure(plugin.sendData(packet(5000)))
    ;(await peer.request()).throw(error)
    expect(await thrown).toBe(error)
  })

  it.each([0, -1, -1e9])('answers R00 without sending when %d ms are left', async (ms) => {
    const { plugin, peer, packet, seen } = setup()
    expect(rejectCode(await plugin.sendData(packet(ms, { amount: 7 })))).toBe('R00')
    expect(peer.requests.size).toBe(0)
    expect(seen).toMatchObject([
      {
        type: 'packet-rejected',
        source: 'expire',
        direction: 'outgoing',
        code: 'R00',
        amount: 7n,
        destination: 'example.receiver'
      }
    ])
  })

  // Whoever wrote into a reply once spoiled the replies of all plugins after it.
  it('gives each caller a reject of its own', async () => {
    const { clock, plugin, packet } = setup({ minimumWindowMs: 100 })
    const refused = async (ms: number): Promise<Buffer> => plugin.sendData(packet(ms))
    const expired = async (): Promise<Buffer> => {
      const answer = refused(100)
      await clock.advance(100)
      return answer
    }
    for (const reject of [() => refused(0), () => refused(99), expired]) {
      const reply = await reject()
      const bytes = Buffer.from(reply)
      reply.fill(0)
      expect(await reject()).toEqual(bytes)
    }
  })

  // interledger4j cuts the time left down to whole seconds: with less than one, it answered R00 at once for a packet
  // that it had sent already (ilpv4-connector, DefaultLinkFilterChain.java).
  it('sends a packet that has a millisecond left', async () => {
    const { plugin, peer, packet } = setup()
    const answer = plugin.sendData(packet(1))
    ;(await peer.request()).fulfill()
    expect(rejectCode(await answer)).toBeUndefined()
  })

  it('answers R02 without sending when less than minimumWindowMs is left', async () => {
    const { plugin, peer, packet, seen } = setup({ minimumWindowMs: 1000 })
    expect(rejectCode(await plugin.sendData(packet(999)))).toBe('R02')
    expect(rejectCode(await plugin.sendData(packet(0)))).toBe('R00')
    expect(peer.requests.size).toBe(0)
    void plugin.sendData(packet(1000))
    expect(peer.requests.size).toBe(1)
    expect(seen).toMatchObject([
      { type: 'packet-rejected', direction: 'outgoing', code: 'R02', amount: 1n },
      { type: 'packet-rejected', code: 'R00' }
    ])
  })

  // ilp-connector and BTP peers arm a timer of 2^31 ms or more, which node fires after 1 ms.
  it('waits for an expiry that is further away than a timer can be set', async () => {
    const { clock, plugin, peer, packet } = setup()
    const answer = plugin.sendData(packet(2 ** 31 + 5000))
    await clock.advance(5000)
    expect(await isPending(answer)).toBe(true)
    ;(await peer.request()).fulfill()
    expect(rejectCode(await answer)).toBeUndefined()
  })

  it('ends a packet when the wall clock jumps over its expiry', async () => {
    const { clock, plugin, packet } = setup()
    const answer = plugin.sendData(packet(3_600_000))
    clock.jump(3_600_000)
    await clock.advance(1000)
    expect(rejectCode(await answer)).toBe('R00')
  })

  it('ends each of many packets at its own time', async () => {
    const { clock, plugin, packet, told } = setup()
    const delays = Array.from({ length: 200 }, (_, i) => 1 + ((i * 37) % 200))
    const ended: number[] = []
    const start = clock.now()
    for (const delay of delays) void plugin.sendData(packet(delay)).then(() => ended.push(clock.now() - start))
    await clock.advance(200)
    expect(ended).toEqual(delays.sort((a, b) => a - b))
    expect(told()).toEqual(delays.map(() => 'packet-expired'))
  })

  it('does all this as well when nobody listens', async () => {
    const clock = testClock()
    const { plugin, peer } = mockPair({ connected: true })
    const wrapped = wrap(plugin, [expire()], { clock })
    const answer = wrapped.sendData(prepare({ expiresAt: clock.now() + 10 }))
    const timedOut = failure(wrapped.sendData(hello))
    await clock.advance(30_000)
    expect([rejectCode(await answer), (await timedOut) instanceof TimeoutError]).toEqual(['R00', true])
    ;(await peer.request()).fulfill()
    ;(await peer.request()).fulfill()
    await clock.advance(1)
    expect(rejectCode(await wrapped.sendData(prepare({ expiresAt: clock.now() })))).toBe('R00')
  })

  it('leaves packets from the peer alone', async () => {
    const { plugin, peer, packet } = setup()
    const reply = fulfill()
    plugin.registerDataHandler(() => Promise.resolve(reply))
    expect(await peer.sendData(packet(-1000))).toBe(reply)
  })
})

describe('an answer that comes too late', () => {
  it('is swallowed, and told of when it is a fulfill, since money may be lost', async () => {
    const { clock, plugin, peer, packet, seen } = setup()
    const answer = plugin.sendData(packet(100, { amount: 7, destination: 'example.bob' }))
    const expiresAt = clock.now() + 100
    await clock.advance(100)
    expect(rejectCode(await answer)).toBe('R00')
    ;(await peer.request()).fulfill()
    await clock.advance(1)
    expect(seen.slice(1)).toMatchObject([
      {
        type: 'late-fulfill',
        source: 'expire',
        direction: 'outgoing',
        amount: 7n,
        destination: 'example.bob',
        expiresAt
      }
    ])
  })

  it.each<[string, (peer: MockPeer) => Promise<void>, string]>([
    ['a reject', async (peer) => (await peer.request()).reject('T00'), 'reject'],
    ['an error', async (peer) => (await peer.request()).throw(new Error('lost')), 'error'],
    ['no ILP packet', async (peer) => (await peer.request()).answer(Buffer.alloc(0)), 'other']
  ])('is swallowed when it is %s', async (_, late, answer) => {
    const { clock, plugin, peer, packet, seen } = setup()
    const reply = plugin.sendData(packet(100))
    await clock.advance(100)
    expect(rejectCode(await reply)).toBe('R00')
    await late(peer)
    await clock.advance(1)
    expect(seen.slice(1)).toMatchObject([{ type: 'late-answer', source: 'expire', direction: 'outgoing', answer }])
  })

  // The timer of a busy process may run late: what counts is when the fulfill came, not who was first in the process.
  it('is late by the clock, be the timer as late as it may', async () => {
    const { clock, plugin, peer, packet, told } = setup()
    const answer = plugin.sendData(packet(100))
    const request = await peer.request()
    clock.jump(100)
    request.fulfill()
    expect(rejectCode(await answer)).toBe('R00')
    expect(told()).toEqual(['packet-expired', 'late-fulfill'])
    await clock.advance(1000)
    expect(told()).toHaveLength(2)
  })

  it('is handed on all the same if it is a reject and nobody has ended the packet yet', async () => {
    const { clock, plugin, peer, packet } = setup()
    const answer = plugin.sendData(packet(100))
    const request = await peer.request()
    clock.jump(100)
    request.reject('F02')
    expect(rejectCode(await answer)).toBe('F02')
  })

  // A host may use its Buffer again once sendData has returned. What was told then was the amount of another packet.
  it.each<[string, Buffer]>([
    ['no packet', Buffer.alloc(0)],
    [
      'a packet for more',
      prepare({ amount: 999, destination: 'example.carol', expiresAt: Date.UTC(2020, 0, 1) + 100 })
    ],
    ['a packet that expires later', prepare({ amount: 7, destination: 'example.carol', expiresAt: 2e12 })]
  ])(
    'is told of with what was sent, even if its bytes are %s by then, but no longer with where to',
    async (_, other) => {
      const { clock, plugin, peer, packet, seen } = setup()
      const data = packet(100, { amount: 7, destination: 'example.alice' })
      const answer = plugin.sendData(data)
      const expiresAt = clock.now() + 100
      data.fill(0)
      other.copy(data)
      await clock.advance(100)
      expect(rejectCode(await answer)).toBe('R00')
      ;(await peer.request()).fulfill()
      await clock.advance(1)
      expect(seen).toMatchObject([
        { type: 'packet-expired', amount: 7n, destination: '', expiresAt },
        { type: 'late-fulfill', amount: 7n, destination: '', expiresAt }
      ])
    }
  )
})

describe('the expiry that the peer sees', () => {
  it.each<[string, ExpireOptions, number, number]>([
    ['is that of the host by default', {}, 10_000, 10_000],
    ['is earlier by reduceMs', { reduceMs: 1500 }, 10_000, 8500],
    ['is no further away than maxHoldMs', { maxHoldMs: 30_000 }, 90_000, 30_000],
    ['is that of the host within maxHoldMs', { maxHoldMs: 30_000 }, 30_000, 30_000],
    ['is the earlier of both', { reduceMs: 1500, maxHoldMs: 30_000 }, 31_000, 29_500],
    ['has whole milliseconds', { reduceMs: 0.5 }, 10_000, 9999]
  ])('%s', async (_, options, given, seen) => {
    const { clock, plugin, peer, packet } = setup(options)
    const start = clock.now()
    const data = packet(given, { data: Buffer.from('data') })
    const original = Buffer.from(data)
    const answer = plugin.sendData(data)
    const request = await peer.request()
    expect(prepareExpiresAt(request.data)).toBe(start + seen)
    expect(data).toEqual(original)
    // nothing else differs: amount (8 bytes), then the 17 of the expiry, after the type and the length
    const at = data[1]! < 128 ? 10 : 11
    expect(request.data.subarray(0, at)).toEqual(data.subarray(0, at))
    expect(request.data.subarray(at + 17)).toEqual(data.subarray(at + 17))
    expect(request.data === data).toBe(given === seen)
    await clock.advance(seen - 1)
    expect(await isPending(answer)).toBe(true)
    await clock.advance(1)
    expect(rejectCode(await answer)).toBe('R00')
  })

  it('counts for the minimum window', async () => {
    const { plugin, peer, packet } = setup({ reduceMs: 500, minimumWindowMs: 1000 })
    expect(rejectCode(await plugin.sendData(packet(1499)))).toBe('R02')
    void plugin.sendData(packet(1500))
    expect(peer.requests.size).toBe(1)
  })

  it('is never past when the packet is sent: R02 where nothing is left of it', async () => {
    const { plugin, peer, packet } = setup({ reduceMs: 500 })
    expect(rejectCode(await plugin.sendData(packet(500)))).toBe('R02')
    expect(rejectCode(await plugin.sendData(packet(0)))).toBe('R00')
    expect(peer.requests.size).toBe(0)
  })

  it('is what late-fulfill tells', async () => {
    const { clock, plugin, peer, packet, seen } = setup({ reduceMs: 40 })
    const expiresAt = clock.now() + 60
    void plugin.sendData(packet(100))
    await clock.advance(60)
    ;(await peer.request()).fulfill()
    await clock.advance(1)
    expect(seen).toMatchObject([
      { type: 'packet-expired', expiresAt },
      { type: 'late-fulfill', expiresAt }
    ])
  })

  // Days and hours beyond their range flow over, so that a prepare can expire in the year 10000, which no packet could
  // name in a plain way.
  it('can be written, also when the packet had one that cannot', async () => {
    const { plugin, peer, packet } = setup({ reduceMs: 1 })
    const data = packet(0)
    const at = data[1]! < 128 ? 10 : 11
    data.write('99991299999999999', at, 'latin1')
    expect(prepareExpiresAt(data)).toBeGreaterThan(Date.UTC(10_000, 0, 1))
    void plugin.sendData(data)
    expect(prepareExpiresAt((await peer.request()).data)).toBe(Date.UTC(10_000, 0, 1) - 1)
  })
})

describe('data that is no prepare', () => {
  it('ends in a TimeoutError after timeoutMs', async () => {
    const { clock, plugin, peer, seen } = setup({ timeoutMs: 200 })
    const answer = plugin.sendData(hello)
    const request = await peer.request()
    expect(request.data).toBe(hello)
    const error = failure(answer)
    await clock.advance(199)
    expect(await isPending(error)).toBe(true)
    await clock.advance(1)
    expect(await error).toBeInstanceOf(TimeoutError)
    expect(await error).toMatchObject({
      name: 'TimeoutError',
      code: 'ILP_WRAP_TIMEOUT',
      ilpErrorCode: 'R00',
      message: 'No answer within 200 ms'
    })
    // it was sent, and the peer may have acted on it
    expect(errorOutcome(await error)).toBe('ambiguous')
    request.answer(hello)
    await clock.advance(1)
    expect(seen).toMatchObject([
      { type: 'request-timed-out', source: 'expire', direction: 'outgoing', timeoutMs: 200 },
      { type: 'late-answer', direction: 'outgoing', answer: 'other' }
    ])
  })

  it('swallows an error that comes later', async () => {
    const { clock, plugin, peer, told } = setup({ timeoutMs: 200 })
    const error = failure(plugin.sendData(hello))
    await clock.advance(200)
    await error
    ;(await peer.request()).throw(new Error('lost'))
    await clock.advance(1)
    expect(told()).toEqual(['request-timed-out', 'late-answer'])
  })

  it('has 30 s, unless told otherwise', async () => {
    const { clock, plugin } = setup()
    const error = failure(plugin.sendData(hello))
    await clock.advance(29_999)
    expect(await isPending(error)).toBe(true)
    await clock.advance(1)
    expect(await error).toBeInstanceOf(TimeoutError)
  })

  it('may wait for ever, if told so', async () => {
    const { clock, plugin, peer } = setup({ timeoutMs: Infinity })
    const answer = plugin.sendData(hello)
    await clock.advance(1e7)
    expect(clock.pending).toBe(0)
    const reply = Buffer.from('world')
    ;(await peer.request()).answer(reply)
    expect(await answer).toBe(reply)
  })

  it('gets its answer and its error as they are', async () => {
    const { plugin, peer } = setup()
    const reply = Buffer.from('world')
    const answer = plugin.sendData(hello)
    ;(await peer.request()).answer(reply)
    expect(await answer).toBe(reply)
    const error = failure(plugin.sendData(hello))
    ;(await peer.request()).throw(reply)
    expect(await error).toBe(reply)
  })
})

describe('expire, incoming', () => {
  it('answers the peer R00 when the host is too slow, and swallows what it answers then', async () => {
    const { clock, plugin, peer, packet, seen } = setup({ incoming: true })
    let answer!: (reply: Buffer) => void
    plugin.registerDataHandler(() => new Promise((resolve) => (answer = resolve)))
    const reply = peer.sendData(packet(100, { amount: 3 }))
    await clock.advance(99)
    expect(await isPending(reply)).toBe(true)
    await clock.advance(1)
    expect(rejectCode(await reply)).toBe('R00')
    answer(fulfill())
    await clock.advance(1)
    expect(seen).toMatchObject([
      { type: 'packet-expired', direction: 'incoming', code: 'R00', amount: 3n },
      { type: 'late-fulfill', direction: 'incoming', amount: 3n }
    ])
  })

  it('does not ask the host about a packet that has expired', async () => {
    const { plugin, peer, packet, seen } = setup({ incoming: true })
    let asked = false
    plugin.registerDataHandler(() => {
      asked = true
      return Promise.resolve(fulfill())
    })
    expect(rejectCode(await peer.sendData(packet(0)))).toBe('R00')
    expect(asked).toBe(false)
    expect(seen).toMatchObject([{ type: 'packet-rejected', direction: 'incoming', code: 'R00' }])
  })

  it('hands on what the host answers or throws in time, and gives it the packet as it came', async () => {
    const { plugin, peer, packet } = setup({ incoming: true, reduceMs: 50, minimumWindowMs: 1000 })
    const error = new Error('host')
    const reply = fulfill()
    const got: Buffer[] = []
    plugin.registerDataHandler(async (data) => {
      got.push(data)
      if (got.length > 1) throw error
      return reply
    })
    const data = packet(100)
    expect(await peer.sendData(data)).toBe(reply)
    expect(await failure(peer.sendData(data))).toBe(error)
    expect(got[0]).toBe(data)
  })

  it('throws a TimeoutError at the plugin when the host leaves other data unanswered', async () => {
    const { clock, plugin, peer, seen } = setup({ incoming: true, timeoutMs: 50 })
    plugin.registerDataHandler(() => new Promise(() => {}))
    const error = failure(peer.sendData(hello))
    await clock.advance(50)
    expect(await error).toBeInstanceOf(TimeoutError)
    expect(seen).toMatchObject([{ type: 'request-timed-out', direction: 'incoming', timeoutMs: 50 }])
  })

  it('leaves packets to the peer alone, unless told otherwise', async () => {
    const one = setup({ incoming: true })
    one.peer.onData = () => Promise.resolve(fulfill())
    expect(rejectCode(await one.plugin.sendData(one.packet(-1)))).toBeUndefined()
    const both = setup({ incoming: true, outgoing: true })
    both.plugin.registerDataHandler(() => Promise.resolve(fulfill()))
    expect(rejectCode(await both.plugin.sendData(both.packet(-1)))).toBe('R00')
    expect(rejectCode(await both.peer.sendData(both.packet(-1)))).toBe('R00')
  })
})

describe('the timer of expire', () => {
  it('is one for all that wait', async () => {
    const { clock, plugin, packet } = setup({ incoming: true, outgoing: true })
    for (let i = 1; i <= 100; i++) {
      void plugin.sendData(packet(i * 1000))
      void failure(plugin.sendData(hello))
    }
    expect(clock.pending).toBe(1)
    await clock.advance(100_000)
  })

  it('is not left behind after disconnect() when all is settled', async () => {
    const { clock, plugin, peer, packet } = setup()
    for (const settle of ['fulfill', 'reject', 'throw'] as const) {
      const answer = plugin.sendData(packet(5000)).catch(() => undefined)
      const request = await peer.request()
      if (settle === 'reject') request.reject('T00')
      else request[settle]({})
      await answer
    }
    await plugin.sendData(packet(0))
    expect(clock.keepingAlive).toBe(0)
    await plugin.disconnect()
    expect(clock.pending).toBe(0)
  })

  it('stays after disconnect() while somebody waits, and no longer', async () => {
    const { clock, plugin, peer, packet } = setup()
    const first = plugin.sendData(packet(5000))
    const second = plugin.sendData(packet(1000))
    await plugin.disconnect()
    expect(clock.pending).toBe(1)
    await clock.advance(1000)
    expect(rejectCode(await second)).toBe('R00')
    expect(clock.pending).toBe(1)
    ;(await peer.request()).fulfill()
    expect(rejectCode(await first)).toBeUndefined()
    expect(clock.pending).toBe(0)
  })

  it('serves again after connect(), and then one packet after the other, without being set for each', async () => {
    const { clock, plugin, peer, packet } = setup()
    peer.onData = () => Promise.resolve(fulfill())
    await plugin.disconnect()
    await plugin.connect({ timeout: 10 })
    await plugin.sendData(packet(100))
    expect([clock.pending, clock.keepingAlive]).toEqual([1, 0])
    peer.onData = () => new Promise(() => {})
    const answer = plugin.sendData(packet(100))
    await clock.advance(100)
    expect(rejectCode(await answer)).toBe('R00')
  })

  it('is not left behind after unwrap()', async () => {
    const { clock, plugin, peer, packet } = setup()
    peer.onData = () => Promise.resolve(fulfill())
    await plugin.sendData(packet(100))
    expect(clock.pending).toBe(1)
    unwrap(plugin)
    expect(clock.pending).toBe(0)
  })

  it('still ends what waits after unwrap()', async () => {
    const { clock, plugin, packet } = setup()
    const answer = plugin.sendData(packet(100))
    unwrap(plugin)
    await clock.advance(100)
    expect(rejectCode(await answer)).toBe('R00')
    expect(clock.pending).toBe(0)
  })
})

// The handlers of answers are used again: what comes in another order, late or never must not get mixed up.
it('matches many answers, in any order, to their own packets', async () => {
  const { clock, plugin, peer, packet, told } = setup()
  const count = 600
  for (let round = 0; round < 2; round++) {
    const answers = Array.from({ length: count }, (_, i) => plugin.sendData(packet(1000 + (i % 2), { amount: i })))
    const requests = await Promise.all(answers.map(() => peer.request()))
    const replies = requests.map((_, i) => fulfill({ data: Buffer.from(String(i)) }))
    for (let i = count - 1; i >= 0; i--) if (i % 3 === 0) requests[i]?.answer(replies[i]!)
    await clock.advance(1001)
    for (let i = 0; i < count; i++) if (i % 3 === 1) requests[i]?.answer(replies[i]!)
    await clock.advance(1)
    for (const [i, reply] of (await Promise.all(answers)).entries()) {
      if (i % 3 === 0) expect(reply).toBe(replies[i])
      else expect(rejectCode(reply)).toBe('R00')
    }
    expect(told().filter((type) => type === 'late-fulfill')).toHaveLength(((round + 1) * count) / 3)
  }
})

describe('the options of expire', () => {
  it.each<[unknown, string]>([
    [{ timeout: 5 }, 'Unknown option `timeout`'],
    [{ incoming: 'yes' }, 'Expected `incoming` to be a boolean, got `yes` (string)'],
    [{ outgoing: 0 }, 'Expected `outgoing` to be a boolean, got `0` (number)'],
    [{ minimumWindowMs: -1 }, 'Expected `minimumWindowMs` to be a number of milliseconds, zero or more, got `-1`'],
    [{ reduceMs: '500' }, 'Expected `reduceMs` to be a number of milliseconds, zero or more, got `500` (string)'],
    [{ maxHoldMs: 0 }, 'Expected `maxHoldMs` to be a number of milliseconds, at least 1, got `0` (number)'],
    [{ timeoutMs: NaN }, 'Expected `timeoutMs` to be a number of milliseconds, at least 1, got `NaN` (number)']
  ])('name what is unknown or wrong: %j', (options, message) => {
    expect(() => expire(options as ExpireOptions)).toThrow(message)
  })

  it('decide where it stands: inside the books for what goes out, outside of them for what comes in', () => {
    const place = (options?: ExpireOptions): unknown =>
      describeStack(wrap(mockPair().plugin, [expire(options)])).middleware[0]?.place
    expect(place()).toEqual({ outgoing: 'inside-books' })
    expect(place({ incoming: true })).toEqual({ incoming: 'outside-books' })
    expect(place({ incoming: true, outgoing: true })).toEqual({ incoming: 'outside-books', outgoing: 'inside-books' })
  })

  it('let it stand in the list once per direction without a warning', () => {
    const log = new MemoryLog()
    wrap(mockPair().plugin, [expire(), expire({ incoming: true })], { log })
    expect(log.lines).toEqual([])
  })
})
