import { EventEmitter } from 'node:events'
import EventEmitter2 from 'eventemitter2'
import EventEmitter2V2 from 'eventemitter2-v2'
import EventEmitter2V5 from 'eventemitter2-v5'
import { describe, expect, it } from 'vitest'
import { UnreachableError, unwrap, wrap } from '@ilp-wrap/core'
import type { PluginV1, Store } from '@ilp-wrap/core'
import { fulfill, prepare } from '@ilp-wrap/testing'
import { compat } from '../src/index.js'
import { PREIMAGE, connected, settled, setup } from './setup.js'
import { V1Double } from './v1-double.js'

describe('connect', () => {
  it('passes its options on by identity and resolves undefined', async () => {
    const { plugin, v1 } = setup()
    const options = { timeout: 5_000 }
    let seen: unknown
    v1.connect = async (given?: unknown) => {
      seen = given
      v1.connected = true
      return null
    }
    await expect(plugin.connect(options)).resolves.toBeUndefined()
    expect(seen).toBe(options)
  })

  it('is one attempt for all who ask meanwhile, and all learn how it ends', async () => {
    const { plugin, v1 } = setup()
    v1.onConnect = () => Promise.reject(new Error('refused'))
    const attempts = [plugin.connect(), plugin.connect(), plugin.connect()]
    for (const attempt of attempts) await expect(attempt).rejects.toThrow('refused')
    expect(v1.connects).toBe(1)
    v1.onConnect = undefined
    await plugin.connect()
    expect(plugin.isConnected()).toBe(true)
  })

  it('does nothing while connected', async () => {
    const { plugin, v1 } = await connected()
    let events = 0
    plugin.on('connect', () => events++)
    await plugin.connect()
    expect([v1.connects, events]).toEqual([1, 0])
  })

  it('takes over a plugin that is connected already', async () => {
    const { plugin, v1, prepare: packet } = setup()
    await v1.connect()
    await plugin.connect()
    expect(v1.connects).toBe(1)
    const answer = plugin.sendData(packet())
    v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
    expect((await answer)[0]).toBe(13)
  })

  it('is not needed where the plugin was connected before it was wrapped', async () => {
    for (const first of ['prepare', 'request', 'money', 'data handler', 'money handler']) {
      const { plugin, v1, prepare: packet, incoming } = setup()
      await v1.connect()
      if (first === 'prepare') void plugin.sendData(packet())
      if (first === 'request') await plugin.sendData(Buffer.from('x'))
      if (first === 'money') await plugin.sendMoney('1')
      if (first === 'money handler') plugin.registerMoneyHandler(async () => {})
      if (first === 'data handler') {
        plugin.registerDataHandler(async () => fulfill())
        expect(v1.requestHandler).toBeDefined()
      }
      v1.emit('incoming_prepare', incoming())
      await settled()
      expect(v1.answers).toHaveLength(1)
    }
  })

  it('gives up after the time it is given, and does not leave a connection that comes later', async () => {
    const { plugin, v1, clock } = setup()
    let arrive: () => void = () => {}
    v1.onConnect = () => new Promise<void>((resolve) => (arrive = resolve))
    const attempt = plugin.connect({ timeout: 3_000 }).catch((error: unknown) => error)
    await clock.advance(3_000)
    expect(await attempt).toMatchObject({ name: 'UnreachableError', code: 'ILP_WRAP_CONNECT_TIMEOUT' })
    arrive()
    await settled()
    expect(plugin.isConnected()).toBe(false)
    expect(clock.pending).toBe(0)
  })

  it('waits for ever where that is asked for, or nothing is', async () => {
    for (const timeout of [undefined, 0, Infinity, 2 ** 31]) {
      const { plugin, v1, clock } = setup()
      let arrive: () => void = () => {}
      v1.onConnect = () => new Promise<void>((resolve) => (arrive = resolve))
      const attempt = plugin.connect({ ...(timeout !== undefined && { timeout }) })
      await clock.advance(10 * 60_000)
      arrive()
      await attempt
    }
  })

  it('that fails later than it was given up harms nobody', async () => {
    const { plugin, v1, clock } = setup()
    let fail: (error: Error) => void = () => {}
    v1.onConnect = () => new Promise((_, reject) => (fail = reject))
    const attempt = plugin.connect({ timeout: 1_000 }).catch((error: unknown) => error)
    await clock.advance(1_000)
    fail(new Error('late'))
    await settled()
    expect(await attempt).toMatchObject({ code: 'ILP_WRAP_CONNECT_TIMEOUT' })
  })

  it('ends in time while the store is read, and the next one reads it anew', async () => {
    const reads: ((value: undefined) => void)[] = []
    const store: Store = {
      get: () => new Promise((resolve) => reads.push(resolve)),
      put: async () => {},
      del: async () => {}
    }
    const { plugin, v1, clock } = setup(undefined, { store, account: 'me' })
    const attempt = plugin.connect({ timeout: 1_000 }).catch((error: unknown) => error)
    await clock.advance(1_000)
    expect(await attempt).toMatchObject({ code: 'ILP_WRAP_CONNECT_TIMEOUT' })
    const ended = plugin.connect().catch((error: unknown) => error)
    await plugin.disconnect()
    expect(await ended).toMatchObject({ code: 'ILP_WRAP_DISCONNECTED' })
    expect([v1.connects, clock.pending]).toEqual([0, 0])
    const next = plugin.connect()
    expect(reads).toHaveLength(3)
    reads[2]!(undefined)
    await next
    reads[0]!(undefined)
    await settled()
    expect(plugin.isConnected()).toBe(true)
  })

  it('rejects when the plugin throws at once', async () => {
    const { plugin, v1 } = setup()
    v1.connect = () => {
      throw new Error('at once')
    }
    await expect(plugin.connect()).rejects.toThrow('at once')
  })
})

describe('disconnect', () => {
  it('does nothing while not connected', async () => {
    const { plugin, v1 } = setup()
    let events = 0
    v1.on('disconnect', () => events++)
    await expect(plugin.disconnect()).resolves.toBeUndefined()
    expect(events).toBe(0)
  })

  it('ends a connect that is under way', async () => {
    const { plugin, v1 } = setup()
    v1.onConnect = () => new Promise(() => {})
    const attempt = plugin.connect().catch((error: unknown) => error)
    await settled()
    await plugin.disconnect()
    expect(await attempt).toBeInstanceOf(UnreachableError)
  })

  it('ends a connect that has not come to the plugin yet', async () => {
    let read: () => void = () => {}
    const store: Store = {
      get: () => new Promise((resolve) => (read = () => resolve(undefined))),
      put: async () => {},
      del: async () => {}
    }
    const { plugin, v1 } = setup(undefined, { store, account: 'me' })
    const attempt = plugin.connect().catch((error: unknown) => error)
    await plugin.disconnect()
    read()
    expect(await attempt).toBeInstanceOf(UnreachableError)
    expect([v1.connects, v1.listening]).toEqual([0, 0])
    const next = plugin.connect()
    read()
    await next
    expect(plugin.isConnected()).toBe(true)
  })

  it('ends a connect whenever it comes, also between two of its steps', async () => {
    for (let turns = 0; turns < 20; turns++) {
      let read: () => void = () => {}
      const store: Store = {
        get: () => new Promise((resolve) => (read = () => resolve(undefined))),
        put: async () => {},
        del: async () => {}
      }
      const { plugin, v1, clock } = setup(undefined, { store, account: 'me' })
      const attempt = plugin.connect().catch((error: unknown) => error)
      read()
      for (let i = 0; i < turns; i++) await Promise.resolve()
      await plugin.disconnect()
      await attempt
      await settled()
      expect([v1.connected, v1.listening, clock.pending]).toEqual([false, 0, 0])
    }
  })

  it('rejects with the error of the plugin', async () => {
    const { plugin, v1 } = await connected()
    const error = new Error('stuck')
    v1.disconnect = () => Promise.reject(error)
    await expect(plugin.disconnect()).rejects.toBe(error)
  })

  // The plugin stayed connected, with our listeners on it, and the host believed that it was not.
  it('disconnects the plugin though it does not give up its request handler', async () => {
    const { plugin, v1, log } = await connected()
    plugin.registerDataHandler(async () => fulfill())
    const { deregisterRequestHandler } = v1
    v1.deregisterRequestHandler = () => {
      throw new Error('stuck')
    }
    await plugin.disconnect()
    expect([v1.connected, v1.listening]).toEqual([false, 0])
    expect(log.lines.join()).toContain('stuck')
    // it has ours still, and refuses to have it once more
    await plugin.connect()
    expect(plugin.isConnected()).toBe(true)
    plugin.deregisterDataHandler()
    v1.deregisterRequestHandler = deregisterRequestHandler
    plugin.registerDataHandler(async () => fulfill())
    plugin.deregisterDataHandler()
    expect(v1.requestHandler).toBeUndefined()
  })

  it('is not undone by what the host sends meanwhile', async () => {
    const { plugin, v1, prepare: packet } = await connected()
    plugin.registerDataHandler(async () => fulfill())
    let done: () => void = () => {}
    const { disconnect } = v1
    v1.disconnect = () => new Promise<void>((resolve) => (done = resolve)).then(() => disconnect.call(v1))
    const disconnected = plugin.disconnect()
    for (const data of [Buffer.from('x'), packet()]) {
      await expect(plugin.sendData(data)).rejects.toMatchObject({ code: 'ILP_WRAP_NOT_CONNECTED' })
    }
    await expect(plugin.sendMoney('1')).rejects.toMatchObject({ code: 'ILP_WRAP_NOT_CONNECTED' })
    done()
    await disconnected
    expect([v1.listening, v1.requestHandler, v1.sent]).toEqual([0, undefined, []])
    await plugin.connect()
    await plugin.sendMoney('1')
  })

  it('that never ends does not keep the plugin from being connected again', async () => {
    const { plugin, v1 } = await connected()
    v1.disconnect = () => new Promise(() => {})
    void plugin.disconnect()
    await plugin.connect()
    await plugin.sendMoney('1')
    expect(v1.sent).toHaveLength(1)
  })

  // E.4 no. 38: the ledger still holds them, and they may be executed
  it('leaves outstanding prepares to their expiry, and hears of them until then', async () => {
    const { plugin, v1, prepare: packet, clock, handle } = await connected()
    const [fulfilled, expired] = [plugin.sendData(packet()), plugin.sendData(packet())]
    await plugin.disconnect()
    v1.emit('outgoing_fulfill', v1.sent[0]!.transfer, PREIMAGE)
    expect((await fulfilled)[0]).toBe(13)
    expect(v1.listening).toBeGreaterThan(0)
    await clock.advance(11_000)
    expect((await expired)[0]).toBe(14)
    expect(handle.outgoing).toBe(0)
    expect([v1.listening, clock.pending]).toEqual([0, 0])
  })

  it('can be followed by another connect, with the handlers kept', async () => {
    const { plugin, v1, incoming } = await connected()
    plugin.registerDataHandler(async () => fulfill())
    await plugin.disconnect()
    expect(v1.requestHandler).toBeUndefined()
    await plugin.connect()
    expect(v1.requestHandler).toBeDefined()
    v1.emit('incoming_prepare', incoming())
    await settled()
    expect(v1.answers).toMatchObject([{ fulfillment: PREIMAGE }])
  })
})

// E.4 no. 33
describe('the listeners on the v1 plugin', () => {
  it('are there from connect to disconnect', async () => {
    const { plugin, v1, clock } = setup()
    expect(v1.listening).toBe(0)
    await plugin.connect()
    expect(v1.listening).toBeGreaterThan(0)
    await plugin.disconnect()
    expect([v1.listening, clock.pending]).toEqual([0, 0])
    await plugin.connect()
    await plugin.disconnect()
    expect(v1.listening).toBe(0)
  })

  it('are gone after a connect that has failed, and after unwrap', async () => {
    const { plugin, v1 } = setup()
    v1.onConnect = () => Promise.reject(new Error('refused'))
    await plugin.connect().catch(() => {})
    expect(v1.listening).toBe(0)
    v1.onConnect = undefined
    await plugin.connect()
    plugin.on('connect', () => {})
    plugin.registerDataHandler(async () => fulfill())
    expect(unwrap(plugin)).toBe(v1)
    expect(v1.listening).toBe(0)
    expect(v1.requestHandler).toBeUndefined()
  })

  it('are put back when the plugin has thrown them away', async () => {
    const { plugin, v1, prepare: packet } = await connected()
    v1.removeAllListeners()
    v1.connected = false
    await plugin.connect()
    const answer = plugin.sendData(packet())
    v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
    expect((await answer)[0]).toBe(13)
    const counts = v1.eventNames().map((name) => v1.listenerCount(name))
    expect(counts.every((count) => count === 1)).toBe(true)
  })

  it('are not doubled where the emitter cannot list them', async () => {
    const v1 = new V1Double()
    const plugin = wrap(Object.assign(v1, { listeners: undefined }) as unknown as PluginV1, [compat()])
    await plugin.connect()
    const { listening } = v1
    v1.connected = false
    await plugin.connect()
    expect(v1.listening).toBe(listening)
    await plugin.disconnect()
  })
})

describe('the request handler of the v1 plugin', () => {
  // A shim that registers one when it is made takes it from whoever uses the v1 plugin directly.
  it('is left to others until the host has a data handler', async () => {
    const { plugin, v1 } = await connected()
    v1.registerRequestHandler(async (request) => request)
    expect(() => plugin.registerDataHandler(async () => fulfill())).toThrow('RequestHandlerAlreadyRegisteredError')
  })

  // The host was told that it has no handler here, and packets came to it all the same.
  it('that others have leaves the host without a data handler', async () => {
    const { plugin, v1, incoming } = await connected()
    v1.registerRequestHandler(async (request) => request)
    let handled = 0
    const handler = async (): Promise<Buffer> => {
      handled++
      return fulfill()
    }
    expect(() => plugin.registerDataHandler(handler)).toThrow('RequestHandlerAlreadyRegisteredError')
    v1.emit('incoming_prepare', incoming())
    await settled()
    expect([handled, v1.answers]).toMatchObject([0, [{ reason: { code: 'T01' } }]])
    v1.deregisterRequestHandler()
    plugin.registerDataHandler(handler)
  })

  it('of others is found when the plugin is connected: connect rejects', async () => {
    const { plugin, v1 } = setup()
    v1.registerRequestHandler(async (request) => request)
    plugin.registerDataHandler(async () => fulfill())
    await expect(plugin.connect()).rejects.toThrow('RequestHandlerAlreadyRegisteredError')
    expect([v1.listening, v1.connects]).toEqual([0, 0])
    expect(v1.requestHandler).toBeDefined()
    const other = setup()
    other.v1.registerRequestHandler(async (request) => request)
    await other.v1.connect()
    expect(() => other.plugin.registerDataHandler(async () => fulfill())).toThrow(
      'RequestHandlerAlreadyRegisteredError'
    )
  })

  it('is given back when the host deregisters its own', async () => {
    const { plugin, v1 } = await connected()
    plugin.registerDataHandler(async () => fulfill())
    plugin.deregisterDataHandler()
    expect(v1.requestHandler).toBeUndefined()
    v1.registerRequestHandler(async (request) => request)
  })
})

/** A v1 plugin over any emitter: one that the test emits on. */
function over(emitter: object): PluginV1 & { emitAsync?: (event: string, ...args: unknown[]) => Promise<unknown> } {
  return Object.assign(emitter, {
    connect: async () => null,
    disconnect: async () => null,
    isConnected: () => true,
    getInfo: () => ({ prefix: 'test.', currencyCode: 'XRP', currencyScale: 9 }),
    getAccount: () => 'test.me',
    sendTransfer: async () => null,
    fulfillCondition: async () => null,
    rejectIncomingTransfer: async () => null
  }) as unknown as PluginV1
}

const emitters: Record<string, () => object> = {
  EventEmitter: () => new EventEmitter(),
  'EventEmitter2 version 6': () =>
    new (EventEmitter2 as unknown as { EventEmitter2: new () => object }).EventEmitter2(),
  'EventEmitter2 version 5': () =>
    new (EventEmitter2V5 as unknown as { EventEmitter2: new () => object }).EventEmitter2(),
  'EventEmitter2 version 2': () =>
    new (EventEmitter2V2 as unknown as { EventEmitter2: new () => object }).EventEmitter2()
}

describe.each(Object.entries(emitters))('the events of a plugin that is an %s', (_, make) => {
  it('reach the host as they are, once and at once', () => {
    const v1 = over(make())
    const plugin = wrap(v1, [compat()])
    const seen: unknown[] = []
    plugin.on('connect', (...args) => seen.push(['connect', args]))
    plugin.once('disconnect', (...args) => seen.push(['disconnect', args]))
    plugin.on('info_change', (...args) => seen.push(['info_change', args]))
    v1.emit('connect')
    v1.emit('disconnect', 1)
    v1.emit('disconnect', 2)
    v1.emit('info_change', { prefix: 'x' })
    expect(seen).toEqual([
      ['connect', []],
      ['disconnect', [1]],
      ['info_change', [{ prefix: 'x' }]]
    ])
  })

  // E.4 no. 30
  it('that are errors end as they would on a v2 plugin', () => {
    const v1 = over(make())
    const plugin = wrap(v1, [compat()])
    const error = new Error('broken')
    expect(() => v1.emit('error', error)).toThrow(error)
    const seen: unknown[] = []
    const listener = (each: unknown): number => seen.push(each)
    plugin.on('error', listener)
    v1.emit('error', error)
    expect(seen).toEqual([error])
    plugin.removeListener('error', listener)
    v1.on('error', (each: unknown) => seen.push(each))
    v1.emit('error', error)
    expect(seen).toEqual([error, error])
  })

  // E.4 no. 32
  it('are emitted by an emit that nobody has touched', async () => {
    const v1 = over(make())
    const emit: unknown = Reflect.get(v1, 'emit')
    const own = Object.getOwnPropertyNames(v1)
    const plugin = wrap(v1, [compat()])
    await plugin.connect()
    expect(Reflect.get(v1, 'emit')).toBe(emit)
    expect(Object.getOwnPropertyNames(v1).filter((name) => !name.startsWith('_'))).toEqual(
      own.filter((name) => !name.startsWith('_'))
    )
    let heard = 0
    plugin.on('custom', () => heard++)
    expect(v1.emit('custom')).toBe(true)
    expect(plugin.emit('custom')).toBe(true)
    expect(heard).toBe(2)
  })

  it('include those that the plugin waits for', async () => {
    const v1 = over(make())
    if (v1.emitAsync === undefined) return
    const plugin = wrap(v1, [compat()])
    await plugin.connect()
    let answer: (packet: Buffer) => void = () => {}
    plugin.registerDataHandler(async () => new Promise((resolve) => (answer = resolve)))
    const answers: string[] = []
    v1.fulfillCondition = async (id) => {
      await settled()
      answers.push(id)
      return null
    }
    const { incoming } = setup()
    const transfer = { ...incoming(), expiresAt: '2999-01-01T00:00:00.000Z' }
    const told = v1.emitAsync('incoming_prepare', transfer)
    await settled()
    answer(fulfill())
    await told
    expect(answers).toEqual([transfer.id])
    await plugin.disconnect()
  })
})

it('a host that sends on connect finds the plugin ready', async () => {
  const { plugin, v1, clock } = setup()
  let answer: Promise<Buffer> | undefined
  plugin.on('connect', () => {
    answer = plugin.sendData(prepare({ destination: 'test.ledger.bob', expiresAt: clock.now() + 5_000 }))
  })
  await plugin.connect()
  v1.emit('outgoing_fulfill', v1.last, PREIMAGE)
  expect((await answer!)[0]).toBe(13)
})
