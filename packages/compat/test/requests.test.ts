import { EventEmitter } from 'node:events'
import { deserializeIlpPrepare, deserializeIlpReject } from 'ilp-packet'
import * as v1Packet from 'ilp-packet-v1'
import { describe, expect, it } from 'vitest'
import { NotAcceptedError, TimeoutError, UnreachableError, handleOf, wrap } from '@ilp-wrap/core'
import type { MessageV1, PluginV1, PluginV2 } from '@ilp-wrap/core'
import { fulfill, fulfillmentOf, legacyPair, rejectPacket, testClock } from '@ilp-wrap/testing'
import type { LegacyPair, TestClock } from '@ilp-wrap/testing'
import { RequestRejectedError, compat } from '../src/index.js'
import type { CompatHandle } from '../src/index.js'
import { connected } from './setup.js'
import { named } from './v1-double.js'

const base64 = (data: Buffer): string => data.toString('base64url')
const codeOf = async (answer: Promise<Buffer>): Promise<string> => deserializeIlpReject(await answer).code

/** An ILP error as v1 plugins make it of what a request handler throws. */
const errorPacket = (data: string): Buffer =>
  v1Packet.serializeIlpError({
    code: 'F00',
    name: 'Bad Request',
    triggeredBy: 'test.ledger.peer',
    forwardedBy: [],
    triggeredAt: new Date(),
    data
  })

describe('outgoing data that is no prepare', () => {
  it('is a request to the peer, and its answer the reply', async () => {
    const { plugin, v1, handle } = await connected()
    v1.onRequest = async () => ({ ilp: base64(Buffer.from('answer')) })
    const answer = plugin.sendData(Buffer.from('question'))
    expect(handle.requests).toBe(1)
    expect(await answer).toEqual(Buffer.from('answer'))
    expect(handle.requests).toBe(0)
    expect(v1.requests).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        ledger: 'test.ledger.',
        from: 'test.ledger.me',
        to: 'test.ledger.peer',
        ilp: base64(Buffer.from('question'))
      }
    ])
  })

  it('passes byte for byte, be it what it may', async () => {
    const { plugin, v1 } = await connected()
    v1.onRequest = async ({ ilp, custom }) => ({ ...(ilp !== undefined && { ilp }), ...(custom && { custom }) })
    const samples = [
      Buffer.alloc(0),
      ...Array.from({ length: 16 }, (_, type) => Buffer.of(type)),
      Buffer.from('0c0412345678', 'hex'),
      errorPacket('{"message":"no"}'),
      Buffer.from('{"json":true}'),
      Buffer.alloc(65_537, 1)
    ]
    for (const data of samples) expect((await plugin.sendData(data)).equals(data)).toBe(true)
  })

  it('names no recipient where there is none to name', async () => {
    const { plugin, v1 } = await connected()
    v1.info = { ...v1.info, connectors: [] }
    v1.emit('info_change')
    await plugin.sendData(Buffer.from('x'))
    expect(v1.requests[0]).not.toHaveProperty('to')
  })

  // E.4 no. 22
  it('that is replied to without a packet is empty, or the JSON of a custom field where that is asked for', async () => {
    const plain = await connected()
    plain.v1.onRequest = async () => ({ custom: { a: 1 } })
    expect(await plain.plugin.sendData(Buffer.from('x'))).toEqual(Buffer.alloc(0))
    plain.v1.onRequest = async () => ({})
    expect(await plain.plugin.sendData(Buffer.from('x'))).toEqual(Buffer.alloc(0))
    plain.v1.onRequest = async () => undefined as unknown as MessageV1
    expect(await plain.plugin.sendData(Buffer.from('x'))).toEqual(Buffer.alloc(0))

    const custom = await connected({ customData: true })
    custom.v1.onRequest = async () => ({ custom: { a: 1 } })
    expect(await custom.plugin.sendData(Buffer.from('x'))).toEqual(Buffer.from('{"a":1}'))
    custom.v1.onRequest = async () => ({})
    expect(await custom.plugin.sendData(Buffer.from('x'))).toEqual(Buffer.alloc(0))
  })

  // E.4 no. 21
  // Each of them came to the host as a TypeError about a property of null.
  it('rejects where the peer says that it failed and not how, and is empty where `custom` is no object', async () => {
    for (const customData of [false, true]) {
      const { plugin, v1, prepare } = await connected({ customData, zeroAmount: 'request' })
      for (const error of [null, 'x', 5, {}, { code: {}, message: 5 }, { code: 'nope', message: 'x' }]) {
        v1.onRequest = async () => ({ custom: { 'ilp-wrap': { error } } })
        await expect(plugin.sendData(Buffer.from('hi'))).rejects.toThrow(RequestRejectedError)
        await expect(plugin.sendData(Buffer.from('hi'))).rejects.toMatchObject({ ilpErrorCode: 'T00' })
        expect(await codeOf(plugin.sendData(prepare({ amount: 0 })))).toBe('T00')
      }
      for (const custom of [null, 'text', 5, true]) {
        v1.onRequest = async () => ({ custom }) as unknown as MessageV1
        const text = customData && custom !== null ? JSON.stringify(custom) : ''
        expect((await plugin.sendData(Buffer.from('hi'))).toString()).toBe(text)
        expect(await codeOf(plugin.sendData(prepare({ amount: 0 })))).toBe('T00')
      }
    }
  })

  it('rejects with what the plugin throws, the same object', async () => {
    const { plugin, v1, handle } = await connected()
    for (const error of [named('NoSubscriptionsError'), new Error('timed out'), 'text', undefined]) {
      v1.onRequest = () => Promise.reject(error)
      expect(await plugin.sendData(Buffer.from('x')).catch((thrown: unknown) => [thrown])).toEqual([error])
      v1.onRequest = () => {
        throw error
      }
      expect(await plugin.sendData(Buffer.from('x')).catch((thrown: unknown) => [thrown])).toEqual([error])
    }
    expect(handle.requests).toBe(0)
  })

  // E.4 no. 21
  it('does not hang when the plugin does', async () => {
    const { plugin, v1, clock, handle } = await connected()
    v1.onRequest = () => new Promise(() => {})
    const answer = plugin.sendData(Buffer.from('x')).catch((error: unknown) => error)
    await clock.advance(31_000)
    expect(await answer).toBeInstanceOf(TimeoutError)
    expect(handle.requests).toBe(0)
  })

  it('rejects when the plugin is disconnected', async () => {
    const { plugin, v1 } = await connected()
    v1.onRequest = () => new Promise(() => {})
    const answer = plugin.sendData(Buffer.from('x')).catch((error: unknown) => error)
    await plugin.disconnect()
    expect(await answer).toBeInstanceOf(UnreachableError)
  })

  it('rejects when the peer answers with an ILP error of its plugin', async () => {
    const { plugin, v1 } = await connected()
    for (const [data, message] of [
      ['{"message":"no such thing"}', 'no such thing'],
      ['{"message":7}', 'Bad Request'],
      ['not JSON', 'Bad Request']
    ] as const) {
      v1.onRequest = async () => ({ ilp: base64(errorPacket(data)) })
      const error: unknown = await plugin.sendData(Buffer.from('x')).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(RequestRejectedError)
      expect(error).toMatchObject({ name: 'RequestRejectedError', message, ilpErrorCode: 'F00' })
    }
    v1.onRequest = async () => ({ ilp: base64(Buffer.of(8, 1, 0)) })
    expect(await plugin.sendData(Buffer.from('x'))).toEqual(Buffer.of(8, 1, 0))
  })
})

describe('a prepare that goes as a request', () => {
  it('comes back as the packet that the peer answered', async () => {
    const { plugin, v1, prepare } = await connected({ zeroAmount: 'request' })
    const reject = rejectPacket({ code: 'F99', data: Buffer.from('x') })
    for (const answer of [fulfill({ data: Buffer.from('d') }), reject]) {
      v1.onRequest = async () => ({ ilp: base64(answer) })
      expect(await plugin.sendData(prepare({ amount: 0 }))).toEqual(answer)
    }
  })

  it('comes back as a reject whatever goes wrong', async () => {
    const { plugin, v1, prepare } = await connected({ zeroAmount: 'request' })
    const send = (onRequest: (request: MessageV1) => Promise<MessageV1>): Promise<string> => {
      v1.onRequest = onRequest
      return codeOf(plugin.sendData(prepare({ amount: 0 })))
    }
    expect(await send(async () => ({ ilp: base64(fulfill({ fulfillment: fulfillmentOf('other') })) }))).toBe('F05')
    expect(await send(async () => ({ ilp: base64(Buffer.from('junk')) }))).toBe('T00')
    expect(await send(async () => ({}))).toBe('T00')
    expect(await send(async () => ({ ilp: base64(errorPacket('')) }))).toBe('F00')
    expect(await send(() => Promise.reject(named('NoSubscriptionsError')))).toBe('T01')
    expect(await send(() => Promise.reject(named('UnreachableError')))).toBe('T01')
    expect(await send(() => Promise.reject(new Error('socket')))).toBe('T00')
  })

  it('is answered with R00 at its expiry', async () => {
    const { plugin, v1, prepare, clock } = await connected({ zeroAmount: 'request' })
    v1.onRequest = () => new Promise(() => {})
    const answer = plugin.sendData(prepare({ amount: 0 }))
    await clock.advance(11_000)
    expect(await codeOf(answer)).toBe('R00')
  })
})

describe('an incoming request', () => {
  const request = (fields: Partial<MessageV1> = {}): MessageV1 => ({
    id: 'r-1',
    ledger: 'test.ledger.',
    from: 'test.ledger.peer',
    to: 'test.ledger.me',
    ilp: base64(Buffer.from('question')),
    ...fields
  })

  // E.4 no. 23
  it('goes to the data handler, and the reply has its id and the accounts the other way round', async () => {
    const { plugin, v1 } = await connected()
    plugin.registerDataHandler(async (data) => Buffer.concat([data, Buffer.from('!')]))
    expect(await v1.requestHandler!(request())).toEqual({
      id: 'r-1',
      ledger: 'test.ledger.',
      from: 'test.ledger.me',
      to: 'test.ledger.peer',
      ilp: base64(Buffer.from('question!'))
    })
  })

  it('may lack what plugins leave out', async () => {
    const { plugin, v1 } = await connected()
    plugin.registerDataHandler(async (data) => data)
    expect(await v1.requestHandler!({ ilp: base64(Buffer.from('x')) })).toEqual({
      ledger: 'test.ledger.',
      from: 'test.ledger.me',
      ilp: base64(Buffer.from('x'))
    })
  })

  // E.4 no. 22
  it('without a packet is empty data, the JSON of its custom field where that is asked for, or refused', async () => {
    const seen: Buffer[] = []
    const handler = async (data: Buffer): Promise<Buffer> => {
      seen.push(data)
      return data
    }
    const plain = await connected()
    plain.plugin.registerDataHandler(handler)
    await plain.v1.requestHandler!({ id: '1' })
    await plain.v1.requestHandler!({ id: '1', ilp: '' })
    await expect(plain.v1.requestHandler!({ id: '1', custom: { a: 1 } })).rejects.toThrow(NotAcceptedError)
    const custom = await connected({ customData: true })
    custom.plugin.registerDataHandler(handler)
    await custom.v1.requestHandler!({ id: '1', custom: { a: 1 } })
    expect(seen).toEqual([Buffer.alloc(0), Buffer.alloc(0), Buffer.from('{"a":1}')])
  })

  it('with a custom field that is no object is refused, with none it is empty', async () => {
    const { plugin, v1 } = await connected()
    plugin.registerDataHandler(async (data) => Buffer.concat([Buffer.from('got '), data]))
    for (const custom of ['text', 5, true]) {
      await expect(v1.requestHandler!({ custom } as unknown as MessageV1)).rejects.toThrow(NotAcceptedError)
    }
    const reply = await v1.requestHandler!({ custom: null } as unknown as MessageV1)
    expect(Buffer.from(reply.ilp!, 'base64').toString()).toBe('got ')
  })

  it('is answered with an error when the handler throws or gives no Buffer, always an Error: plugins read its message', async () => {
    const { plugin, v1 } = await connected()
    const error = new Error('mine')
    for (const [handler, expected] of [
      [async () => Promise.reject(error), 'mine'],
      [async () => Promise.reject(undefined), 'The request failed: undefined'],
      [async () => 'text' as unknown as Buffer, 'The data handler did not give a Buffer']
    ] as const) {
      plugin.registerDataHandler(handler)
      await expect(v1.requestHandler!(request())).rejects.toThrow(expected)
      await expect(v1.requestHandler!(request())).rejects.toBeInstanceOf(Error)
      plugin.deregisterDataHandler()
    }
  })

  it('that holds a prepare of amount 0 is handled as such, and always answered with a packet', async () => {
    const { plugin, v1, prepare } = await connected()
    const packet = prepare({ amount: 0 })
    const answerTo = async (handler: (data: Buffer) => Promise<Buffer>): Promise<Buffer> => {
      plugin.registerDataHandler(handler)
      const { ilp } = await v1.requestHandler!(request({ ilp: base64(packet) }))
      plugin.deregisterDataHandler()
      return Buffer.from(ilp!, 'base64')
    }
    expect(await answerTo(async (data) => (data.equals(packet) ? fulfill() : rejectPacket('F00')))).toEqual(fulfill())
    const thrown = await answerTo(async () => Promise.reject(new Error('secret')))
    expect(deserializeIlpReject(thrown)).toMatchObject({ code: 'T00', message: 'Internal error' })
  })

  // A request moves nothing. Whoever fulfilled such a prepare, or paid it on, would do so out of their own pocket.
  it('that holds a prepare with an amount does not reach the host', async () => {
    const { plugin, v1, prepare } = await connected()
    let handled = 0
    plugin.registerDataHandler(async () => {
      handled++
      return fulfill()
    })
    const { ilp } = await v1.requestHandler!(request({ ilp: base64(prepare({ amount: 1 })) }))
    expect(deserializeIlpReject(Buffer.from(ilp!, 'base64')).code).toBe('F00')
    expect(handled).toBe(0)
  })

  it('is answered by the v1 plugin itself while the host has no handler', async () => {
    const { plugin, v1 } = await connected()
    expect(v1.requestHandler).toBeUndefined()
    plugin.registerDataHandler(async (data) => data)
    const handler = v1.requestHandler!
    plugin.deregisterDataHandler()
    expect(v1.requestHandler).toBeUndefined()
    // one that was on its way
    await expect(handler(request())).rejects.toThrow(UnreachableError)
  })
})

describe('a plugin with messages only', () => {
  interface Pair {
    a: PluginV2
    b: PluginV2
    clock: TestClock
    v1: LegacyPair
  }

  async function pair(): Promise<Pair> {
    const clock = testClock()
    const v1 = legacyPair({ clock, quirks: { messagesOnly: true } })
    const [a, b] = [wrap(v1.alice, [compat()], { clock }), wrap(v1.bob, [compat()], { clock })]
    await Promise.all([a.connect(), b.connect()])
    return { a, b, clock, v1 }
  }

  it('carries requests over messages, many at a time', async () => {
    const { a, b } = await pair()
    b.registerDataHandler(async (data) => Buffer.concat([data, data]))
    const sent = Array.from({ length: 100 }, (_, i) => Buffer.from(String(i)))
    const answers = await Promise.all(sent.map((data) => a.sendData(data)))
    expect(answers.map(String)).toEqual(sent.map((data) => `${String(data)}${String(data)}`))
    b.deregisterDataHandler()
    b.registerDataHandler(async (data) => data)
    expect(await a.sendData(Buffer.alloc(0))).toEqual(Buffer.alloc(0))
    const error = errorPacket('x')
    expect(await a.sendData(error)).toEqual(error)
  })

  it('carries prepares and money as any other', async () => {
    const { a, b, clock } = await pair()
    const packets: string[] = []
    b.registerDataHandler(async (data) => {
      packets.push(deserializeIlpPrepare(data).amount)
      return fulfill()
    })
    b.registerMoneyHandler(async (amount) => {
      packets.push(`money ${amount}`)
    })
    const { prepare } = await connected()
    const packet = prepare({ destination: 'test.legacy.bob.x', expiresAt: clock.now() + 5_000 })
    expect(await a.sendData(packet)).toEqual(fulfill())
    // a prepare of 0 is refused as a transfer, and goes over a message
    expect(
      await a.sendData(prepare({ amount: 0, destination: 'test.legacy.bob.x', expiresAt: clock.now() + 5_000 }))
    ).toEqual(fulfill())
    await a.sendMoney('5')
    expect(packets).toEqual(['100', '0', 'money 5'])
  })

  it('carries the error of a handler, or of there being none', async () => {
    const { a, b } = await pair()
    const error = async (): Promise<unknown> => a.sendData(Buffer.from('x')).catch((thrown: unknown) => thrown)
    expect(await error()).toMatchObject({ name: 'RequestRejectedError', ilpErrorCode: 'T01' })
    b.registerDataHandler(async () => Promise.reject(new Error('secret')))
    expect(await error()).toMatchObject({
      name: 'RequestRejectedError',
      ilpErrorCode: 'T00',
      message: 'Internal error'
    })
  })

  it('does not hang when the response is lost, and leaves other messages alone', async () => {
    const { a, b, v1, clock } = await pair()
    b.registerDataHandler(async () => {
      v1.bob.lose()
      return Buffer.from('lost')
    })
    const answer = a.sendData(Buffer.from('x')).catch((error: unknown) => error)
    for (const custom of [
      undefined,
      {},
      { 'ilp-wrap': 'x' },
      { 'ilp-wrap': {} },
      { 'ilp-wrap': { response: 'other' } }
    ]) {
      v1.alice.emit('incoming_message', { id: '1', ...(custom && { custom }) })
    }
    await clock.advance(31_000)
    expect(await answer).toBeInstanceOf(TimeoutError)
    expect((handleOf(a, 'compat') as CompatHandle).requests).toBe(0)
  })

  it('rejects with what the plugin throws', async () => {
    const { a, v1 } = await pair()
    v1.bob.lose()
    await expect(a.sendData(Buffer.from('x'))).rejects.toMatchObject({ name: 'NoSubscriptionsError' })
  })
})

it('a plugin with neither requests nor messages says so', async () => {
  const v1 = Object.assign(new EventEmitter(), {
    connect: async () => null,
    disconnect: async () => null,
    isConnected: () => true,
    getInfo: () => ({ prefix: 'test.', currencyCode: 'XRP', currencyScale: 9 }),
    getAccount: () => 'test.me',
    sendTransfer: async () => null,
    fulfillCondition: async () => null,
    rejectIncomingTransfer: async () => null
  }) as unknown as PluginV1
  const plugin = wrap(v1, [compat()])
  plugin.registerDataHandler(async () => fulfill())
  await plugin.connect()
  await expect(plugin.sendData(Buffer.from('x'))).rejects.toThrow(NotAcceptedError)
  plugin.deregisterDataHandler()
  await expect((handleOf(plugin, 'compat') as CompatHandle).balance()).rejects.toThrow('balance')
})
