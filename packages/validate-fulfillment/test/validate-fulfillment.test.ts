import { describe as describeStack, events, wrap } from '@ilp-wrap/core'
import type { DataHandler, PluginEvent, PluginV2 } from '@ilp-wrap/core'
import { rejectCode, rejectTriggeredBy } from '@ilp-wrap/core/packet'
import {
  FULFILLMENT,
  MemoryLog,
  conformance,
  fulfill,
  fulfillmentOf,
  mockPair,
  prepare,
  referenceFactory,
  rejectPacket
} from '@ilp-wrap/testing'
import type { MockPeer } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { minimalOptions, validateFulfillment } from '../src/index.js'
import type { ReplyRejected, ValidateFulfillmentOptions } from '../src/index.js'

conformance({ describe, it }, referenceFactory(), { wrap: validateFulfillment(minimalOptions) })

interface Fixture {
  plugin: PluginV2
  peer: MockPeer
  seen: PluginEvent[]
}

function setup(options?: ValidateFulfillmentOptions): Fixture {
  const { plugin: inner, peer } = mockPair({ connected: true })
  const plugin = wrap(inner, [validateFulfillment(options)])
  const seen: PluginEvent[] = []
  events(plugin).subscribe((event) => seen.push(event))
  return { plugin, peer, seen }
}

/** Answers that are none, each with the reason that its event gives. */
const INVALID: [string, unknown, ReplyRejected['reason']][] = [
  ['a fulfill with another fulfillment', fulfill({ fulfillment: fulfillmentOf('another') }), 'wrong-fulfillment'],
  ['an empty Buffer', Buffer.alloc(0), 'empty'],
  ['undefined', undefined, 'foreign'],
  ['null', null, 'foreign'],
  ['a string', 'fulfill', 'foreign'],
  ['an object', { type: 13 }, 'foreign'],
  ['a Uint8Array that holds a fulfill', new Uint8Array(fulfill()), 'foreign'],
  ['bytes that are no ILP packet', Buffer.from('{"fulfilled":true}'), 'foreign'],
  ['a prepare', prepare(), 'foreign'],
  ['a fulfill cut short', fulfill().subarray(0, 20), 'malformed'],
  ['a fulfill without its data', fulfill().subarray(0, -1), 'malformed'],
  ['the type of a fulfill alone', Buffer.from([13]), 'malformed'],
  ['a fulfill of 31 bytes', Buffer.from([13, 32, ...FULFILLMENT.subarray(1), 0]), 'malformed'],
  ['a reject cut short', rejectPacket('T00').subarray(0, 4), 'malformed'],
  ['a reject from what is no address', Buffer.from('\x0e\x09T00\x03a b\x00\x00', 'latin1'), 'malformed'],
  // the packets of ILP before version 4
  ...Array.from({ length: 11 }, (_, index): [string, unknown, ReplyRejected['reason']] => [
    `an old packet of type ${index + 1}`,
    Buffer.from([index + 1, 1, 0]),
    'foreign'
  ])
]

describe('validateFulfillment, outgoing', () => {
  it('lets a fulfill through whose fulfillment hashes to the condition', async () => {
    const { plugin, peer, seen } = setup()
    const reply = fulfill({ data: Buffer.from('data') })
    peer.onData = () => Promise.resolve(reply)
    expect(await plugin.sendData(prepare())).toBe(reply)
    expect(seen).toEqual([])
  })

  it('takes a fulfill whose length takes several bytes', async () => {
    const { plugin, peer } = setup()
    const reply = fulfill({ data: Buffer.alloc(32_767, 1) })
    peer.onData = () => Promise.resolve(reply)
    expect(await plugin.sendData(prepare({ data: Buffer.alloc(32_767) }))).toBe(reply)
  })

  it('takes a fulfill with bytes after its end, as ilp-packet does: the fulfillment proves it all the same', async () => {
    const { plugin, peer } = setup()
    const reply = Buffer.concat([fulfill(), Buffer.from('more')])
    peer.onData = () => Promise.resolve(reply)
    expect(await plugin.sendData(prepare())).toBe(reply)
  })

  it.each(['F00', 'T01', 'R00', 'F99'])('lets a reject %s through as it is', async (code) => {
    const { plugin, peer, seen } = setup()
    const reply = rejectPacket({ code, triggeredBy: 'example.peer', message: 'no', data: Buffer.from('why') })
    peer.onData = () => Promise.resolve(reply)
    expect(await plugin.sendData(prepare())).toBe(reply)
    expect(seen).toEqual([])
  })

  it.each(INVALID)('answers F05 in the place of %s', async (_, reply, reason) => {
    const { plugin, peer, seen } = setup()
    peer.onData = () => Promise.resolve(reply as Buffer)
    const answer = await plugin.sendData(prepare({ amount: 7, destination: 'example.bob' }))
    expect(rejectCode(answer)).toBe('F05')
    expect(rejectTriggeredBy(answer)).toBe('')
    expect(seen).toMatchObject([
      {
        type: 'reply-rejected',
        source: 'validate-fulfillment',
        direction: 'outgoing',
        reason,
        code: 'F05',
        amount: 7n,
        destination: 'example.bob'
      }
    ])
  })

  it('is no other answer’s Buffer: whoever writes into one spoils none that come later', async () => {
    const { plugin, peer } = setup()
    peer.onData = () => Promise.resolve(Buffer.alloc(0))
    const first = await plugin.sendData(prepare())
    first.fill(0)
    expect(rejectCode(await plugin.sendData(prepare()))).toBe('F05')
  })

  it('answers F05 as well when nobody listens to events', async () => {
    const { plugin: inner, peer } = mockPair({ connected: true })
    const plugin = wrap(inner, [validateFulfillment()])
    peer.onData = () => Promise.resolve(Buffer.alloc(0))
    expect(rejectCode(await plugin.sendData(prepare()))).toBe('F05')
  })

  it('matches answers that come in another order to their own packets', async () => {
    const { plugin, peer } = setup()
    const count = 300
    const answers = Array.from({ length: count }, (_, i) => plugin.sendData(prepare({ fulfillment: fulfillmentOf(i) })))
    const requests = await Promise.all(answers.map(() => peer.request()))
    // each third packet gets the fulfillment of another one
    requests.reverse().forEach((request, i) => {
      const own = count - 1 - i
      request.fulfill({ fulfillment: fulfillmentOf(own % 3 === 0 ? own + 1 : own) })
    })
    const codes = (await Promise.all(answers)).map(rejectCode)
    expect(codes).toEqual(Array.from({ length: count }, (_, i) => (i % 3 === 0 ? 'F05' : undefined)))
  })

  // A host may use its Buffer again once sendData has returned. Had the condition been read only when the answer came,
  // a fulfillment that was paid for would have become a reject.
  it('checks against the condition as it was when the packet was sent', async () => {
    const { plugin, peer } = setup()
    const packet = prepare()
    const answer = plugin.sendData(packet)
    const request = await peer.request()
    packet.fill(0)
    const reply = fulfill()
    request.answer(reply)
    expect(await answer).toBe(reply)
  })

  it.each([[new Error('lost')], ['a string'], [undefined]])('hands on what the plugin throws: %s', async (error) => {
    const { plugin, peer } = setup()
    peer.onData = () => Promise.reject(error)
    const thrown = await plugin.sendData(prepare()).then(
      () => 'nothing',
      (reason: unknown) => ({ reason })
    )
    expect(thrown).toEqual({ reason: error })
    expect((thrown as { reason: unknown }).reason).toBe(error)
  })

  it('does not look at what answers other data', async () => {
    const { plugin, peer, seen } = setup()
    const reply = Buffer.alloc(0)
    peer.onData = () => Promise.resolve(reply)
    expect(await plugin.sendData(Buffer.from('hello'))).toBe(reply)
    expect(seen).toEqual([])
  })

  it('leaves packets from the peer alone', async () => {
    const { plugin, peer } = setup()
    const reply = fulfill({ fulfillment: fulfillmentOf('another') })
    plugin.registerDataHandler(() => Promise.resolve(reply))
    expect(await peer.sendData(prepare())).toBe(reply)
  })
})

describe('validateFulfillment, incoming', () => {
  it('answers the peer F05 when the host fulfills with the wrong fulfillment', async () => {
    const { plugin, peer, seen } = setup({ incoming: true })
    plugin.registerDataHandler(() => Promise.resolve(fulfill({ fulfillment: fulfillmentOf('another') })))
    expect(rejectCode(await peer.sendData(prepare({ amount: 3 })))).toBe('F05')
    expect(seen).toMatchObject([
      { type: 'reply-rejected', direction: 'incoming', reason: 'wrong-fulfillment', amount: 3n }
    ])
  })

  it('lets valid answers of the host through as they are', async () => {
    const { plugin, peer, seen } = setup({ incoming: true })
    const replies = [fulfill(), rejectPacket('T00')]
    let i = 0
    plugin.registerDataHandler(() => Promise.resolve(replies[i++]!))
    expect(await peer.sendData(prepare())).toBe(replies[0])
    expect(await peer.sendData(prepare())).toBe(replies[1])
    expect(seen).toEqual([])
  })

  it('leaves packets to the peer alone, unless told otherwise', async () => {
    const wrong: DataHandler = () => Promise.resolve(fulfill({ fulfillment: fulfillmentOf('another') }))
    const one = setup({ incoming: true })
    one.peer.onData = wrong
    expect(rejectCode(await one.plugin.sendData(prepare()))).toBeUndefined()
    const both = setup({ incoming: true, outgoing: true })
    both.peer.onData = wrong
    both.plugin.registerDataHandler(wrong)
    expect(rejectCode(await both.plugin.sendData(prepare()))).toBe('F05')
    expect(rejectCode(await both.peer.sendData(prepare()))).toBe('F05')
  })
})

describe('the options of validateFulfillment', () => {
  it('name what is unknown or wrong', () => {
    expect(() => validateFulfillment({ outgoing: 1 as unknown as boolean })).toThrow(
      'Expected `outgoing` to be a boolean, got `1` (number)'
    )
    expect(() => validateFulfillment({ incomming: true } as ValidateFulfillmentOptions)).toThrow(
      'Unknown option `incomming`'
    )
  })

  it('decide where it stands: inside the books for what goes out, outside of them for what comes in', () => {
    const place = (options?: ValidateFulfillmentOptions): unknown =>
      describeStack(wrap(mockPair().plugin, [validateFulfillment(options)])).middleware[0]?.place
    expect(place()).toEqual({ outgoing: 'inside-books' })
    expect(place({ incoming: true })).toEqual({ incoming: 'outside-books' })
    expect(place({ incoming: true, outgoing: true })).toEqual({ incoming: 'outside-books', outgoing: 'inside-books' })
    expect(place({ outgoing: false })).toEqual({})
  })

  it('let it stand in the list once per direction without a warning', () => {
    const log = new MemoryLog()
    wrap(mockPair().plugin, [validateFulfillment(), validateFulfillment({ incoming: true })], { log })
    expect(log.lines).toEqual([])
  })
})
