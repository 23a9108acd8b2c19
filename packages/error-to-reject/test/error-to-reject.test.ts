import { UnreachableError, describe as describeStack, events, wrap } from '@ilp-wrap/core'
import type { PluginEvent, PluginV2 } from '@ilp-wrap/core'
import { isReject, rejectCode, rejectData, rejectMessage, rejectTriggeredBy } from '@ilp-wrap/core/packet'
import { MemoryLog, conformance, fulfill, mockPair, prepare, referenceFactory } from '@ilp-wrap/testing'
import type { MockPeer } from '@ilp-wrap/testing'
import { Errors } from 'ilp-packet'
import { describe, expect, it } from 'vitest'
import { errorToReject, minimalOptions } from '../src/index.js'
import type { ErrorToRejectOptions } from '../src/index.js'

conformance({ describe, it }, referenceFactory(), { wrap: errorToReject(minimalOptions) })

interface Fixture {
  plugin: PluginV2
  peer: MockPeer
  seen: PluginEvent[]
  log: MemoryLog
  /** Has the host throw this for whatever comes. */
  hostThrows: (error: unknown) => void
  /** Has the plugin throw this for whatever is sent. */
  pluginThrows: (error: unknown) => void
}

function setup(options?: ErrorToRejectOptions): Fixture {
  const { plugin: inner, peer } = mockPair({ connected: true })
  const log = new MemoryLog()
  const plugin = wrap(inner, [errorToReject(options)], { log })
  const seen: PluginEvent[] = []
  events(plugin).subscribe((event) => seen.push(event))
  const thrower = (error: unknown) => (): Promise<Buffer> => {
    throw error
  }
  return {
    plugin,
    peer,
    seen,
    log,
    hostThrows: (error) => {
      plugin.registerDataHandler(thrower(error))
    },
    pluginThrows: (error) => {
      peer.onData = thrower(error)
    }
  }
}

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

const secret = 'postgres://ilp:hunter2@10.0.0.7/ledger'

/** An error as a connector throws it. */
const coded = (ilpErrorCode: unknown, more: object = {}): Error =>
  Object.assign(new Error(secret), { ilpErrorCode, ...more })

describe('what the host throws for a prepare', () => {
  it.each<[string, unknown, string]>([
    ['an error', new Error(secret), 'T00'],
    ['undefined', undefined, 'T00'],
    ['null', null, 'T00'],
    ['a string', secret, 'T00'],
    ['a function', () => secret, 'T00'],
    ['an error with an ILP code', coded('F02'), 'F02'],
    ['an error of the contract', new UnreachableError(secret), 'T01'],
    ['an object with an ILP code', { ilpErrorCode: 'R01', message: secret }, 'R01'],
    ['an error with a code of its own', coded('F42'), 'F42'],
    ['an error with a code that is none', coded('E00'), 'T00'],
    ['an error with a code that is too long', coded('T001'), 'T00'],
    ['an error with a code that is no string', coded(['T01']), 'T00'],
    [
      'an error whose code throws',
      Object.defineProperty({}, 'ilpErrorCode', {
        get: () => {
          throw new Error(secret)
        }
      }),
      'T00'
    ]
  ])('is answered with a reject that says nothing else: %s', async (_, error, code) => {
    const { peer, hostThrows, seen } = setup()
    hostThrows(error)
    const reply = await peer.sendData(prepare({ amount: 5, destination: 'example.bob' }))
    expect(isReject(reply)).toBe(true)
    expect(rejectCode(reply)).toBe(code)
    expect(rejectMessage(reply)).toBe('The packet could not be handled')
    expect(rejectTriggeredBy(reply)).toBe('')
    expect(rejectData(reply)).toEqual(Buffer.alloc(0))
    expect(seen).toMatchObject([
      {
        type: 'error-converted',
        source: 'error-to-reject',
        direction: 'incoming',
        code,
        amount: 5n,
        destination: 'example.bob'
      }
    ])
    expect((seen[0] as { error?: unknown }).error).toBe(error)
  })

  it('is answered with a reject if it comes later, too', async () => {
    const { plugin, peer } = setup()
    plugin.registerDataHandler(() => Promise.reject(new Error(secret)))
    expect(rejectCode(await peer.sendData(prepare()))).toBe('T00')
  })

  // Without the two amounts of F08, a STREAM sender can only guess how large the next packet may be.
  it('hands on the data that an error has for the reject, beside a code alone', async () => {
    const data = Buffer.from('0000000000000009000000000000000a', 'hex')
    const reply = async (error: unknown): Promise<Buffer> => {
      const { peer, hostThrows } = setup()
      hostThrows(error)
      return peer.sendData(prepare())
    }
    const tooLarge = new Errors.AmountTooLargeError(secret, { receivedAmount: '9', maximumAmount: '10' })
    expect(rejectCode(await reply(tooLarge))).toBe('F08')
    expect(rejectData(await reply(tooLarge))).toEqual(data)
    const most = Buffer.alloc(32_767, 1)
    expect(rejectData(await reply(coded('F99', { ilpErrorData: most })))).toEqual(most)
    const none = Buffer.alloc(0)
    expect(rejectData(await reply(coded('F99', { ilpErrorData: Buffer.alloc(32_768) })))).toEqual(none)
    expect(rejectData(await reply(coded('F99', { ilpErrorData: secret })))).toEqual(none)
    expect(rejectData(await reply(Object.assign(new Error(), { ilpErrorData: data })))).toEqual(none)
  })

  it('stands in the log if it has no code, so that somebody hears of it', async () => {
    const { peer, hostThrows, log } = setup()
    hostThrows(coded('T00'))
    await peer.sendData(prepare())
    expect(log.lines).toEqual([])
    const other = setup()
    other.hostThrows(new Error(secret))
    await other.peer.sendData(prepare())
    expect(other.log.lines).toEqual([
      expect.stringContaining(`error: An error on an incoming packet was answered with T00`)
    ])
    expect(other.log.lines[0]).toContain(secret)
  })

  it('is answered also where nobody observes', async () => {
    const { plugin: inner, peer } = mockPair({ connected: true })
    const plugin = wrap(inner, [errorToReject()], { log: new MemoryLog() })
    plugin.registerDataHandler(() => Promise.reject(new Error(secret)))
    expect(rejectCode(await peer.sendData(prepare()))).toBe('T00')
  })

  // what the log threw went to the peer in the place of T00, host names and all
  it('is answered all the same where the log throws', async () => {
    const failing = (): never => {
      throw new Error('no disk space on db.internal')
    }
    const log = { debug: failing, info: failing, warn: failing, error: failing }
    const { plugin: inner, peer } = mockPair({ connected: true })
    const plugin = wrap(inner, [errorToReject()], { log })
    plugin.registerDataHandler(() => Promise.reject(new Error(secret)))
    expect(rejectCode(await peer.sendData(prepare()))).toBe('T00')
  })

  it('reaches the plugin as it is if told so', async () => {
    const { peer, hostThrows } = setup({ incoming: false })
    const error = new Error(secret)
    hostThrows(error)
    expect(await failure(peer.sendData(prepare()))).toBe(error)
  })
})

describe('what the plugin throws for a prepare', () => {
  it('reaches the host as it is, unless told otherwise', async () => {
    const { plugin, pluginThrows, seen } = setup()
    for (const error of [coded('T01'), undefined]) {
      pluginThrows(error)
      expect(await failure(plugin.sendData(prepare()))).toBe(error)
    }
    expect(seen).toEqual([])
  })

  it('is answered with a reject if told so', async () => {
    const { plugin, pluginThrows, seen } = setup({ outgoing: true })
    const error = new UnreachableError(secret)
    pluginThrows(error)
    const reply = await plugin.sendData(prepare({ amount: 5, destination: 'example.bob' }))
    expect(rejectCode(reply)).toBe('T01')
    expect(rejectMessage(reply)).not.toContain(secret)
    pluginThrows(new Error(secret))
    expect(rejectCode(await plugin.sendData(prepare()))).toBe('T00')
    expect(seen).toMatchObject([
      { type: 'error-converted', direction: 'outgoing', code: 'T01', error, amount: 5n, destination: 'example.bob' },
      { type: 'error-converted', direction: 'outgoing', code: 'T00' }
    ])
  })

  // A host may use its Buffer again once sendData has returned: what is told must not fail over that.
  it('is answered even if the packet’s bytes have changed', async () => {
    const { plugin, peer, seen } = setup({ outgoing: true })
    const data = prepare()
    const answer = plugin.sendData(data)
    data.fill(0)
    ;(await peer.request()).throw(new Error(secret))
    expect(rejectCode(await answer)).toBe('T00')
    expect(seen).toMatchObject([{ type: 'error-converted', amount: undefined, destination: undefined }])
  })

  // The handlers of answers are used again: what comes in another order must not get mixed up.
  it('is told of with its own packet, among many', async () => {
    const { plugin, peer, seen } = setup({ outgoing: true })
    const answers = Array.from({ length: 600 }, (_, amount) => plugin.sendData(prepare({ amount })))
    const requests = await Promise.all(answers.map(() => peer.request()))
    const replies = requests.map((_, i) => fulfill({ data: Buffer.from(String(i)) }))
    for (const [i, request] of [...requests.entries()].reverse()) {
      if (i % 3 === 0) request.throw(i)
      else request.answer(replies[i] as Buffer)
    }
    for (const [i, reply] of (await Promise.all(answers)).entries()) {
      if (i % 3 === 0) expect(rejectCode(reply)).toBe('T00')
      else expect(reply).toBe(replies[i])
    }
    expect(seen).toHaveLength(200)
    for (const event of seen as { error?: unknown; amount?: bigint }[])
      expect(event.amount).toBe(BigInt(Number(event.error)))
  })
})

describe('what error-to-reject leaves alone', () => {
  it.each<[string, unknown]>([
    ['a fulfill', fulfill()],
    ['nothing', undefined],
    ['what is no ILP packet', Buffer.from('hello')]
  ])('is the answer to a prepare, valid or not: %s', async (_, reply) => {
    const { plugin, peer } = setup({ outgoing: true })
    const answer = (): Promise<Buffer> => Promise.resolve(reply as Buffer)
    plugin.registerDataHandler(answer)
    peer.onData = answer
    expect(await peer.sendData(prepare())).toBe(reply)
    expect(await plugin.sendData(prepare())).toBe(reply)
  })

  it.each<[string, unknown]>([
    ['an error', coded('F02')],
    ['undefined', undefined]
  ])('is what is thrown for data that is no prepare: %s', async (_, error) => {
    const { plugin, peer, hostThrows, pluginThrows } = setup({ outgoing: true })
    hostThrows(error)
    pluginThrows(error)
    for (const data of [Buffer.from('hello'), Buffer.alloc(0), fulfill(), prepare().subarray(0, -1)]) {
      expect(await failure(peer.sendData(data))).toBe(error)
      expect(await failure(plugin.sendData(data))).toBe(error)
    }
  })

  it('is money', async () => {
    const { plugin, peer } = setup({ outgoing: true })
    const error = coded('F02')
    peer.onMoney = () => Promise.reject(error)
    plugin.registerMoneyHandler(() => Promise.reject(error))
    expect(await failure(plugin.sendMoney('1'))).toBe(error)
    expect(await failure(peer.sendMoney('1'))).toBe(error)
  })
})

describe('the address in a reject', () => {
  const text = (value: string): Buffer => Buffer.concat([Buffer.of(value.length), Buffer.from(value, 'ascii')])
  /** RFC 0031, "Response Packet". */
  const assigned = (address: string): Buffer =>
    fulfill({ fulfillment: Buffer.alloc(32), data: Buffer.concat([text(address), Buffer.of(9), text('XRP')]) })
  const question = prepare({ amount: 0, destination: 'peer.config' })

  /** The address in the reject that the peer gets now. */
  async function named({ peer }: Fixture): Promise<string | undefined> {
    return rejectTriggeredBy(await peer.sendData(prepare()))
  }

  /** Has the host ask, and the peer answer. */
  async function ask({ plugin, peer }: Fixture, reply: Buffer, data: Buffer = question): Promise<void> {
    const answer = plugin.sendData(data)
    ;(await peer.request()).answer(reply)
    expect(await answer).toBe(reply)
  }

  function throwing(options?: ErrorToRejectOptions): Fixture {
    const fixture = setup(options)
    fixture.hostThrows(new Error(secret))
    return fixture
  }

  it('is that of the option', async () => {
    const fixture = throwing({ address: 'g.alice', outgoing: true })
    await ask(fixture, assigned('example.bob.alice'))
    expect(await named(fixture)).toBe('g.alice')
    fixture.pluginThrows(new Error(secret))
    expect(rejectTriggeredBy(await fixture.plugin.sendData(prepare()))).toBe('g.alice')
  })

  it('is else the one that the peer has assigned last', async () => {
    const fixture = throwing()
    expect(await named(fixture)).toBe('')
    await ask(fixture, assigned('example.bob.alice'))
    expect(await named(fixture)).toBe('example.bob.alice')
    await ask(fixture, assigned('example.carol.alice'))
    expect(await named(fixture)).toBe('example.carol.alice')
  })

  it('stays what it was if the answer assigns none', async () => {
    const fixture = throwing({ outgoing: true })
    await ask(fixture, assigned('example.bob.alice'))
    const data = Buffer.concat([text('example.mallory'), Buffer.of(9), text('XRP')])
    for (const bad of [
      Buffer.alloc(0),
      undefined as unknown as Buffer,
      fulfill(),
      fulfill({ data: data.subarray(0, 10) }),
      fulfill({ data: data.subarray(0, -1) }),
      fulfill({ data: data.subarray(0, -4) }),
      fulfill({ data: data.subarray(0, -5) }),
      assigned(''),
      assigned('no address')
    ]) {
      await ask(fixture, bad)
      expect(await named(fixture)).toBe('example.bob.alice')
    }
    fixture.pluginThrows(new Error(secret))
    expect(rejectTriggeredBy(await fixture.plugin.sendData(question))).toBe('example.bob.alice')
  })

  it('is not taken from the answer to anything else', async () => {
    const fixture = throwing()
    for (const destination of ['peer.route.control', 'peer.config.x', 'example.peer.config']) {
      await ask(fixture, assigned('example.mallory'), prepare({ destination }))
    }
    await ask(fixture, assigned('example.mallory'), Buffer.from('peer.config'))
    expect(await named(fixture)).toBe('')
  })

  it('leaves the error alone that the host gets in place of one', async () => {
    const fixture = throwing()
    const error = new Error('lost')
    fixture.pluginThrows(error)
    expect(await failure(fixture.plugin.sendData(question))).toBe(error)
  })
})

describe('the options of error-to-reject', () => {
  it.each<[unknown, string]>([
    [{ code: 'T00' }, 'Unknown option `code`'],
    [{ incoming: 'yes' }, 'Expected `incoming` to be a boolean, got `yes` (string)'],
    [{ outgoing: 0 }, 'Expected `outgoing` to be a boolean, got `0` (number)'],
    [{ address: 'alice' }, 'Expected `address` to be an ILP address, got `alice` (string)'],
    [{ address: '' }, 'Expected `address` to be an ILP address, got `` (string)'],
    [{ address: 5 }, 'Expected `address` to be an ILP address, got `5` (number)']
  ])('name what is unknown or wrong: %j', (options, message) => {
    expect(() => errorToReject(options as ErrorToRejectOptions)).toThrow(message)
  })

  it('decide in which directions it stands in the list', () => {
    const place = (options?: ErrorToRejectOptions): unknown =>
      describeStack(wrap(mockPair().plugin, [errorToReject(options)])).middleware[0]?.place
    expect(place()).toEqual({ incoming: 'any' })
    expect(place({ outgoing: true })).toEqual({ incoming: 'any', outgoing: 'outside-books' })
    expect(place({ incoming: false, outgoing: true })).toEqual({ outgoing: 'outside-books' })
  })

  it('let it do nothing at all', async () => {
    const { plugin, peer, hostThrows, pluginThrows } = setup({ incoming: false })
    const error = new Error('lost')
    hostThrows(error)
    pluginThrows(error)
    expect(await failure(peer.sendData(prepare()))).toBe(error)
    expect(await failure(plugin.sendData(prepare()))).toBe(error)
  })
})
