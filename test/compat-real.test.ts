import { deserializeIlpFulfill, deserializeIlpReject, serializeIlpPrepare } from 'ilp-packet'
import { afterEach, describe, expect, it } from 'vitest'
import type { CompatHandle } from '@ilp-wrap/compat'
import { events, handleOf, systemClock } from '@ilp-wrap/core'
import type { PluginEvent, TransferV1 } from '@ilp-wrap/core'
import { FULFILLMENT, conformance, fulfill, prepare, rejectPacket } from '@ilp-wrap/testing'
import type { PrepareFields, Subject } from '@ilp-wrap/testing'
import { frameworkPair, virtualPair } from './compat-plugins.js'
import type { MakePair, RealPair } from './compat-plugins.js'

/** compat over the v1 plugins that were published, two of each, joined on loopback. */

interface Published {
  readonly make: MakePair
  /** Whether the data of a fulfillment arrives. */
  readonly carriesData: boolean
  readonly money: boolean
  readonly config: string
}

const subjects: Record<string, Published> = {
  'ilp-plugin-virtual': { make: virtualPair, carriesData: false, money: true, config: '\x02\x03USD' },
  'ilp-plugin-payment-channel-framework, a listener with state': {
    make: frameworkPair(true),
    carriesData: true,
    money: false,
    config: '\x06\x03XRP'
  },
  'ilp-plugin-payment-channel-framework, none with state': {
    make: frameworkPair(false),
    carriesData: true,
    money: false,
    config: '\x06\x03XRP'
  }
}

const open: RealPair[] = []

afterEach(async () => {
  for (const pair of open.splice(0)) await pair.close()
})

describe.each(Object.entries(subjects))('over %s', (_, { make, carriesData, money, config }) => {
  async function pair(): Promise<RealPair & { packet: (fields?: PrepareFields) => Buffer }> {
    const made = await make()
    open.push(made)
    await made.a.connect()
    const packet = (fields?: PrepareFields): Buffer =>
      prepare({ amount: 100, destination: made.destination, expiresAt: systemClock.now() + 10_000, ...fields })
    return { ...made, packet }
  }

  it('a prepare with 30 kB of data arrives, and its fulfill comes back', async () => {
    const { a, b, packet } = await pair()
    const sent = packet({ data: Buffer.alloc(30_000, 1) })
    let received: Buffer | undefined
    b.registerDataHandler(async (data) => {
      received = data
      return fulfill({ data: Buffer.alloc(30_000, 2) })
    })
    const { fulfillment, data } = deserializeIlpFulfill(await a.sendData(sent))
    expect(received?.equals(sent)).toBe(true)
    expect(fulfillment).toEqual(FULFILLMENT)
    expect(data.equals(Buffer.alloc(carriesData ? 30_000 : 0, 2))).toBe(true)
  })

  it('a reject comes back as it was, whatever its code and its letters', async () => {
    const { a, b, packet } = await pair()
    for (const code of ['F08', 'T04', 'R99']) {
      const reject = rejectPacket({
        code,
        message: 'zu groß “€”',
        triggeredBy: 'test.elsewhere',
        data: Buffer.from([0, 255, 1])
      })
      b.registerDataHandler(async () => reject)
      expect(deserializeIlpReject(await a.sendData(packet()))).toEqual(deserializeIlpReject(reject))
      b.deregisterDataHandler()
    }
  })

  it('a handler that throws is T00, no handler is T01', async () => {
    const { a, b, packet } = await pair()
    expect(deserializeIlpReject(await a.sendData(packet())).code).toBe('T01')
    b.registerDataHandler(async () => Promise.reject(new Error('secret')))
    const reject = deserializeIlpReject(await a.sendData(packet()))
    expect(reject.code).toBe('T00')
    expect(JSON.stringify(reject)).not.toContain('secret')
  })

  it('a prepare that is not answered is R00 at its expiry, on both sides', async () => {
    const { a, b, packet } = await pair()
    b.registerDataHandler(() => new Promise(() => {}))
    const reject = deserializeIlpReject(await a.sendData(packet({ expiresAt: systemClock.now() + 500 })))
    expect(reject.code).toBe('R00')
    await expect.poll(() => handles(a, b).map(({ outgoing, incoming }) => outgoing + incoming)).toEqual([0, 0])
  })

  it('peer.config is answered by the plugin itself', async () => {
    const { a, v1 } = await pair()
    const ask = serializeIlpPrepare({
      amount: '0',
      destination: 'peer.config',
      executionCondition: Buffer.from('Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU=', 'base64'),
      expiresAt: new Date(systemClock.now() + 10_000),
      data: Buffer.alloc(0)
    })
    const { data } = deserializeIlpFulfill(await a.sendData(ask))
    const account = v1[0].getAccount()
    expect(data.toString('latin1')).toBe(`${String.fromCharCode(account.length)}${account}${config}`)
  })

  it('other data goes there and back byte for byte, errors too', async () => {
    const { a, b } = await pair()
    b.registerDataHandler(async (data) => data)
    for (const data of [Buffer.from('question'), Buffer.alloc(0), Buffer.of(8, 1, 2), Buffer.alloc(30_000, 3)]) {
      expect((await a.sendData(data)).equals(data)).toBe(true)
    }
    b.deregisterDataHandler()
    b.registerDataHandler(async () => Promise.reject(new Error('no such thing')))
    await expect(a.sendData(Buffer.from('x'))).rejects.toMatchObject({
      name: 'RequestRejectedError',
      message: 'no such thing',
      ilpErrorCode: 'F00'
    })
  })

  it('prepares of amount 0 arrive, though the plugin takes no such transfers', async () => {
    const { a, b, packet } = await pair()
    const seen: Buffer[] = []
    b.registerDataHandler(async (data) => {
      seen.push(data)
      return fulfill({ data: Buffer.from('x') })
    })
    const zero = packet({ amount: 0 })
    for (let i = 0; i < 2; i++) expect(await a.sendData(zero)).toEqual(fulfill({ data: Buffer.from('x') }))
    expect(seen).toEqual([zero, zero])
  })

  it('money arrives, or is refused with proof that it has not left', async () => {
    const { a, b } = await pair()
    const received: string[] = []
    b.registerMoneyHandler(async (amount) => {
      received.push(amount)
    })
    const paid = a.sendMoney('5')
    if (money) await paid
    else await expect(paid).rejects.toMatchObject({ name: 'MoneyNotSentError' })
    expect(received).toEqual(money ? ['5'] : [])
  })

  it('both ends send at once', async () => {
    const { a, b, v1, packet } = await pair()
    a.registerDataHandler(async () => fulfill())
    b.registerDataHandler(async () => fulfill())
    const back = packet({ destination: `${v1[0].getAccount()}.alice` })
    // the listener without state calls itself what its peer is called
    const answers = await Promise.all([
      ...Array.from({ length: 20 }, () => a.sendData(packet())),
      ...Array.from({ length: 20 }, () => b.sendData(carriesData ? packet({ destination: 'g.elsewhere' }) : back))
    ])
    expect(answers.filter((answer) => answer[0] === 13)).toHaveLength(40)
  })

  it('1,000 prepares in flight find their own answers', { timeout: 60_000 }, async () => {
    const { a, b, packet } = await pair()
    b.registerDataHandler(async (data) =>
      data.readUInt32BE(data.length - 4) % 3 === 0 ? rejectPacket('F99') : fulfill()
    )
    const sent = Array.from({ length: 1_000 }, (__, i) => {
      const data = Buffer.alloc(4)
      data.writeUInt32BE(i)
      return packet({ data, expiresAt: systemClock.now() + 50_000 })
    })
    const answers = await Promise.all(sent.map((data) => a.sendData(data)))
    expect(answers.map((answer) => answer[0])).toEqual(sent.map((__, i) => (i % 3 === 0 ? 14 : 13)))
    await expect.poll(() => handles(a, b).map(({ outgoing, incoming }) => outgoing + incoming)).toEqual([0, 0])
  })

  it('what comes twice reaches the host once', async () => {
    const { a, b, v1, packet } = await pair()
    const seen: PluginEvent[] = []
    events(a).subscribe((event) => seen.push(event))
    let answer: (data: Buffer) => void = () => {}
    let handled = 0
    b.registerDataHandler(() => {
      handled++
      return new Promise((resolve) => (answer = resolve))
    })
    const transfers: TransferV1[] = []
    v1[0].on('outgoing_prepare', (transfer: TransferV1) => transfers.push(transfer))
    const answered = a.sendData(packet())
    await expect.poll(() => [transfers.length, handled]).toEqual([1, 1])
    // the plugin's own way to be sure: the same transfer once more
    await v1[0].sendTransfer({ ...(transfers[0] as TransferV1) })
    answer(fulfill())
    expect((await answered)[0]).toBe(13)
    v1[0].emit('outgoing_fulfill', transfers[0], FULFILLMENT.toString('base64url'))
    expect(handled).toBe(1)
    expect(seen).toMatchObject([{ type: 'outcome-repeated', outcome: 'fulfill' }])
  })

  it('what is outstanding at disconnect ends at its expiry, requests at once', async () => {
    const { a, b, packet } = await pair()
    let handled = 0
    b.registerDataHandler(() => {
      handled++
      return new Promise(() => {})
    })
    const sent = a.sendData(packet({ expiresAt: systemClock.now() + 1_000 }))
    const request = a.sendData(Buffer.from('x')).catch((error: unknown) => error)
    await expect.poll(() => handled).toBe(2)
    await a.disconnect()
    expect(await request).toMatchObject({ name: 'UnreachableError' })
    expect(deserializeIlpReject(await sent).code).toBe('R00')
    expect(handles(a)).toMatchObject([{ outgoing: 0, requests: 0 }])
  })
})

function handles(...plugins: readonly RealPair['a'][]): CompatHandle[] {
  return plugins.map((plugin) => handleOf(plugin, 'compat') as CompatHandle)
}

describe('the plugin interface', () => {
  const FRAMEWORK = {
    // it depends on where the handshake is, so it happens now and then
    'C21 disconnect() ends a connect() that is under way': 'closing a socket that is not open yet is an uncaught error',
    'C40 sends in the order of the calls': 'each message waits for an id',
    'C66 hands data to its handler in the order in which it was sent': 'each message waits for an id'
  }
  const skip: Record<string, Readonly<Record<string, string>>> = {
    'ilp-plugin-virtual': {
      'C33 carries a prepare to the peer and its fulfill back': 'the data of a fulfillment is lost',
      'C40 keeps 1000 exchanges at a time apart': 'each message is an HTTP request that has to be done within 2 s',
      'C58 does not take money without a handler': 'the ledger has moved it by then, the event money-unhandled says so',
      'C60 tells the peer when the money handler fails': 'as above',
      'C66 hands data to its handler in the order in which it was sent': 'each message is an HTTP request of its own'
    }
  }

  describe.each(Object.entries(subjects))('over %s', (name, { make, money }) => {
    const factory = async (): Promise<Subject> => {
      // what is open when the plugin is disconnected ends at its expiry; the suite need not wait for that
      let ahead = 0
      const clock = { ...systemClock, now: () => systemClock.now() + ahead }
      const { a, b, v1, close } = await make({ clock })
      v1[0].on('connect', () => (ahead = 0))
      v1[0].on('disconnect', () => (ahead = 60_000))
      return { plugin: a, peer: b, cleanup: close }
    }
    conformance({ describe, it }, factory, {
      supports: {
        money,
        refuse: false,
        silence: false,
        lose: false,
        build: false,
        expiry: true,
        // the framework's client opens its socket once
        reconnect: name === 'ilp-plugin-virtual'
      },
      skip: skip[name] ?? FRAMEWORK
    })
  })
})
