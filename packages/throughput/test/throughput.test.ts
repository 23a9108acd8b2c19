import { UnreachableError, describe as describeStack, events, wrap } from '@ilp-wrap/core'
import type { PluginEvent } from '@ilp-wrap/core'
import { rejectCode, rejectData, rejectMessage, rejectTriggeredBy } from '@ilp-wrap/core/packet'
import { conformance, fulfill, mockPair, prepare, referenceFactory, rejectPacket, testClock } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { minimalOptions, throughput, throughputOf } from '../src/index.js'
import type { LimitChanges, ThroughputOptions } from '../src/index.js'

conformance({ describe, it }, referenceFactory(), { wrap: throughput(minimalOptions) })

const tenPerSecond = { amount: 10, refillMs: 1000 }

/** A connected plugin with nothing but this around it; the peer and the host answer whatever reaches them. */
function setup(options: ThroughputOptions = { incoming: tenPerSecond, outgoing: tenPerSecond }) {
  const clock = testClock()
  const { plugin: inner, peer } = mockPair({ connected: true })
  const plugin = wrap(inner, [throughput(options)], { clock })
  const reached: Buffer[] = []
  const answers = { next: (): Promise<Buffer> => Promise.resolve(fulfill()) }
  const answer = (data: Buffer): Promise<Buffer> => {
    reached.push(data)
    return answers.next()
  }
  peer.onData = answer
  plugin.registerDataHandler(answer)
  const seen: PluginEvent[] = []
  events(plugin).subscribe((event) => seen.push(event))
  const code = async (reply: Promise<Buffer>): Promise<string> => rejectCode(await reply) ?? 'fulfilled'
  return {
    clock,
    plugin,
    peer,
    reached,
    answers,
    seen,
    handle: throughputOf(plugin)!,
    send: (amount: number | bigint) => code(plugin.sendData(prepare({ amount }))),
    receive: (amount: number | bigint) => code(peer.sendData(prepare({ amount })))
  }
}

type Fixture = ReturnType<typeof setup>

const directions: [string, (fixture: Fixture) => (amount: number) => Promise<string>][] = [
  ['outgoing', ({ send }) => send],
  ['incoming', ({ receive }) => receive]
]

describe('throughput', () => {
  it.each(directions)('answers T04 over the limit, and lets an amount pass once it has come (%s)', async (_, way) => {
    const fixture = setup()
    const pass = way(fixture)
    expect([await pass(6), await pass(4), await pass(1)]).toEqual(['fulfilled', 'fulfilled', 'T04'])
    await fixture.clock.advance(99)
    expect(await pass(1)).toBe('T04')
    await fixture.clock.advance(1)
    expect([await pass(1), await pass(1)]).toEqual(['fulfilled', 'T04'])
    expect(fixture.reached).toHaveLength(3)
  })

  it('has a bucket for each direction', async () => {
    const { send, receive } = setup()
    expect([await send(10), await receive(10), await send(1), await receive(1)]).toEqual([
      'fulfilled',
      'fulfilled',
      'T04',
      'T04'
    ])
  })

  it('lets as much as the burst pass at once', async () => {
    const { clock, send } = setup({ outgoing: { ...tenPerSecond, burst: 25 } })
    expect([await send(25), await send(1)]).toEqual(['fulfilled', 'T04'])
    await clock.advance(1000)
    expect([await send(11), await send(10)]).toEqual(['T04', 'fulfilled'])
  })

  // After T04 a sender would try the same amount for ever (as it does with ilp-connector); F08 makes it send less.
  it.each(directions)('answers F08 with both amounts where a packet could never pass (%s)', async (direction) => {
    const { plugin, peer, reached, seen } = setup({ [direction]: { ...tenPerSecond, burst: 7 } })
    const packet = prepare({ amount: 8, destination: 'example.bob' })
    const reply = await (direction === 'outgoing' ? plugin : peer).sendData(packet)
    expect([rejectCode(reply), rejectTriggeredBy(reply)]).toEqual(['F08', ''])
    expect(rejectData(reply)).toEqual(Buffer.from('00000000000000080000000000000007', 'hex'))
    expect(reached).toEqual([])
    expect(seen).toMatchObject([
      { type: 'packet-rejected', source: 'throughput', direction, code: 'F08', amount: 8n, destination: 'example.bob' }
    ])
    expect(seen[0]).not.toHaveProperty('retryAfterMs')
  })

  it('tells of a refused packet, and when it would pass', async () => {
    const { clock, send, receive, seen } = setup()
    for (const pass of [send, receive]) {
      await pass(10)
      await clock.advance(50)
      await pass(3)
    }
    const refusal = { type: 'packet-rejected', source: 'throughput', code: 'T04', amount: 3n, retryAfterMs: 250 }
    expect(seen).toMatchObject([
      { ...refusal, direction: 'outgoing', destination: 'example.receiver' },
      { ...refusal, direction: 'incoming', destination: 'example.receiver' }
    ])
  })

  it('refuses with a reject of its own each time, as well when nobody listens', async () => {
    const { plugin: inner, peer } = mockPair({ connected: true })
    peer.onData = () => Promise.resolve(fulfill())
    const plugin = wrap(inner, [throughput({ outgoing: { amount: 1, refillMs: 1e9 } })])
    await plugin.sendData(prepare({ amount: 1 }))
    const [first, second] = [await plugin.sendData(prepare()), await plugin.sendData(prepare())]
    expect([rejectCode(first), rejectMessage(first)]).toEqual(['T04', 'exceeded money bandwidth, throttling.'])
    expect(second).toEqual(first)
    expect(second).not.toBe(first)
  })

  it('passes prepares of zero and what is no prepare, whatever is left', async () => {
    const { plugin, peer, send, receive, reached } = setup()
    await send(10)
    await receive(10)
    reached.length = 0
    const packets = [prepare({ amount: 0 }), Buffer.from('hello')]
    for (const packet of packets) {
      await plugin.sendData(packet)
      await peer.sendData(packet)
    }
    expect(reached).toEqual(packets.flatMap((packet) => [packet, packet]))
  })

  it('hands on the very packet, the very answer and the very error', async () => {
    const { plugin, peer, answers, reached } = setup()
    const [packet, reply, error] = [prepare(), fulfill(), new Error('lost')]
    answers.next = () => Promise.resolve(reply)
    expect([await plugin.sendData(packet), await peer.sendData(packet)]).toEqual([reply, reply])
    expect([reached[0], reached[1]].every((data) => data === packet)).toBe(true)
    answers.next = () => Promise.reject(error)
    await expect(plugin.sendData(packet)).rejects.toBe(error)
    await expect(peer.sendData(packet)).rejects.toBe(error)
  })

  it.each([
    ['incoming', 'outgoing'],
    ['outgoing', 'incoming']
  ])('does nothing to %s packets when there are limits for the others alone', async (off, on) => {
    const { plugin, send, receive, handle } = setup({ [on]: tenPerSecond })
    const [unlimited, limited] = on === 'incoming' ? [send, receive] : [receive, send]
    expect([await unlimited(1000), await limited(1000)]).toEqual(['fulfilled', 'F08'])
    expect(describeStack(plugin).middleware).toEqual([{ name: 'throughput', place: { [on]: 'any' } }])
    expect(handle.snapshot()).toHaveProperty(off, undefined)
  })

  it('refuses options that are unknown or wrong', () => {
    expect(() => throughput({})).toThrow('Expected `outgoing` to be limits where `incoming` has none, got `undefined`')
    expect(() => throughput({ incoming: { amount: -1 } })).toThrow('Expected `incoming.amount` to be at least 1')
    expect(() => throughput({ outgoing: { amount: 1, capacity: 1 } as never })).toThrow(
      'Unknown option `outgoing.capacity`'
    )
    expect(() => throughput({ outgoing: { amount: 1 }, amount: 1 } as never)).toThrow('Unknown option `amount`')
  })
})

describe('what was not fulfilled', () => {
  it.each(directions)('is given back when it is rejected (%s)', async (_, way) => {
    const fixture = setup()
    const pass = way(fixture)
    fixture.answers.next = () => Promise.resolve(rejectPacket('T01'))
    for (let i = 0; i < 5; i++) expect(await pass(10)).toBe('T01')
    fixture.answers.next = () => Promise.resolve(fulfill())
    expect([await pass(10), await pass(1)]).toEqual(['fulfilled', 'T04'])
  })

  it('is given back when the answer is no answer to a prepare', async () => {
    const { send, answers } = setup()
    answers.next = () => Promise.resolve(Buffer.alloc(0))
    await send(10)
    answers.next = () => Promise.resolve(fulfill())
    expect(await send(10)).toBe('fulfilled')
  })

  it.each([
    ['was not sent', Object.assign(new UnreachableError('Not connected'), { notSent: true })],
    ['was refused by the peer', new Error('{"code":"F00","name":"NotAcceptedError"}')]
  ])('is given back when the error proves that it %s', async (_, error) => {
    const { plugin, send, answers } = setup()
    answers.next = () => Promise.reject(error)
    await expect(plugin.sendData(prepare({ amount: 10 }))).rejects.toBe(error)
    answers.next = () => Promise.resolve(fulfill())
    expect(await send(10)).toBe('fulfilled')
  })

  // A timeout does not tell whether the peer has it: it may still be fulfilled.
  it('is not given back when the error leaves it open; the bucket refills all the same', async () => {
    const { clock, plugin, send, answers } = setup()
    answers.next = () => Promise.reject(new Error('timed out'))
    await expect(plugin.sendData(prepare({ amount: 10 }))).rejects.toThrow('timed out')
    answers.next = () => Promise.resolve(fulfill())
    expect(await send(1)).toBe('T04')
    await clock.advance(1000)
    expect(await send(10)).toBe('fulfilled')
  })

  it('is given back whatever the host throws, as the plugin answers that with an error', async () => {
    const { peer, receive, answers } = setup()
    answers.next = () => Promise.reject(new Error('timed out'))
    await expect(peer.sendData(prepare({ amount: 10 }))).rejects.toThrow('timed out')
    answers.next = () => Promise.resolve(fulfill())
    expect(await receive(10)).toBe('fulfilled')
  })

  it('fills the bucket to its burst and no more, however late the answer comes', async () => {
    const { clock, send, answers } = setup()
    let rejected: (reply: Buffer) => void = () => undefined
    answers.next = () => new Promise((resolve) => (rejected = resolve))
    const late = send(10)
    answers.next = () => Promise.resolve(fulfill())
    await clock.advance(900)
    expect(await send(2)).toBe('fulfilled')
    rejected(rejectPacket('R00'))
    expect(await late).toBe('R00')
    expect([await send(10), await send(1)]).toEqual(['fulfilled', 'T04'])
  })

  it('is each packet’s own, with many on their way at once', async () => {
    const { plugin, answers, handle } = setup({ outgoing: { amount: 1000, refillMs: 1e9 } })
    const open: ((reply: Buffer) => void)[] = []
    answers.next = () => new Promise((resolve) => open.push(resolve))
    // more than are kept for use again
    for (const round of [1, 2]) {
      const sent = Array.from({ length: 300 }, (_, i) => plugin.sendData(prepare({ amount: (i % 3) + round - 1 })))
      for (const [i, resolve] of open.splice(0).entries()) resolve(i % 2 === 0 ? fulfill() : rejectPacket('T00'))
      await Promise.all(sent)
    }
    // in each round every other packet is fulfilled: of 0, 1, 2 and of 1, 2, 3 fifty times each
    expect(handle.snapshot().outgoing?.available).toBe(1000n - 150n - 300n)
  })
})

describe('throughputOf', () => {
  const limits = { amount: 10n, refillMs: 1000, burst: 10n }

  it('shows limits and what may pass now', async () => {
    const { clock, send, handle } = setup()
    await send(10)
    await clock.advance(250)
    expect(handle.snapshot()).toEqual({
      incoming: { ...limits, available: 10n },
      outgoing: { ...limits, available: 2n }
    })
  })

  it('is the same object each time, and undefined for a stack without it', () => {
    const { plugin, handle } = setup()
    expect(throughputOf(plugin)).toBe(handle)
    expect(throughputOf(wrap(mockPair().plugin, []))).toBeUndefined()
  })

  it('changes what it is told to, at once, and keeps what is left', async () => {
    const { clock, send, receive, handle } = setup()
    await send(4)
    handle.setLimits({ outgoing: { amount: 1000 } })
    handle.setLimits({ incoming: { burst: 3 } })
    expect([await send(7), await send(6)]).toEqual(['T04', 'fulfilled'])
    await clock.advance(1)
    expect([await send(1), await send(1)]).toEqual(['fulfilled', 'T04'])
    expect([await receive(4), await receive(3), await receive(1)]).toEqual(['F08', 'fulfilled', 'T04'])
    expect(handle.snapshot()).toEqual({
      incoming: { ...limits, burst: 3n, available: 0n },
      outgoing: { amount: 1000n, refillMs: 1000, burst: 1000n, available: 0n }
    })
  })

  // In the recommended list each direction has a layer of its own, and handleOf() gives that of the outer one.
  it('reaches both layers where each direction has its own', () => {
    const incoming = throughput({ incoming: tenPerSecond })
    const outgoing = throughput({ outgoing: tenPerSecond })
    for (const list of [
      [incoming, outgoing],
      [outgoing, incoming]
    ]) {
      const handle = throughputOf(wrap(wrap(mockPair().plugin, []), list))!
      handle.setLimits({ incoming: { amount: 3 }, outgoing: { amount: 4 } })
      expect(handle.snapshot()).toMatchObject({ incoming: { amount: 3n }, outgoing: { amount: 4n } })
    }
  })

  it.each<[LimitChanges, string]>([
    [{ outgoing: { amount: 0 } }, 'Expected `outgoing.amount` to be at least 1, got `0` (number)'],
    [{ outgoing: { mode: 'wait' } as object }, 'Unknown option `outgoing.mode`'],
    [{ both: {} } as object, 'Unknown option `both`']
  ])('throws on what is wrong, and changes nothing: %j', (changes, message) => {
    const { handle } = setup()
    const before = handle.snapshot()
    expect(() => {
      handle.setLimits({ incoming: { amount: 5 }, ...changes })
    }).toThrow(message)
    expect(handle.snapshot()).toEqual(before)
  })

  it('throws where there is nothing to change', () => {
    const { handle } = setup({ incoming: tenPerSecond })
    expect(() => {
      handle.setLimits({ incoming: { amount: 1 }, outgoing: { amount: 1 } })
    }).toThrow('`outgoing` has no limit that could be changed')
    expect(handle.snapshot().incoming?.amount).toBe(10n)
  })
})
