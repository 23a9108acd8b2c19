import { EventEmitter } from 'node:events'
import { describe as describeStack, errorOutcome, pluginDispose, unwrap, wrap } from '@ilp-wrap/core'
import type { PluginV2 } from '@ilp-wrap/core'
import { mockPair } from '@ilp-wrap/testing'
import type { MockPeer, MockPlugin } from '@ilp-wrap/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { renewable } from '../src/index.js'

const hello = Buffer.from('hello')
const never = (): Promise<never> => new Promise(() => undefined)

/** A plugin that lives once, as ilp-plugin-btp: whoever connects it again gets nothing, and is told nothing. */
function setup(prepare: (peer: MockPeer, plugin: MockPlugin, number: number) => void = () => undefined) {
  const made: MockPlugin[] = []
  const plugin = renewable(() => {
    const { plugin: instance, peer } = mockPair()
    prepare(peer, instance, made.length)
    const connect = instance.connect.bind(instance)
    let lives = 1
    instance.connect = (options) => (lives-- > 0 ? connect(options) : Promise.resolve())
    made.push(instance)
    return instance
  })
  const heard: string[] = []
  for (const type of ['connect', 'disconnect']) plugin.on(type, () => heard.push(type))
  const asEmitter = plugin as PluginV2 & EventEmitter
  return { plugin: asEmitter, made, heard, peer: (number: number) => made[number]?.peer as MockPeer }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

afterEach(() => {
  vi.useRealTimers()
})

describe('a renewable plugin', () => {
  it('is a plain plugin of version 2, and an event emitter', () => {
    const { plugin } = setup()
    expect((plugin.constructor as { version?: number }).version).toBe(2)
    expect(plugin).toBeInstanceOf(EventEmitter)
    expect(unwrap(plugin)).toBe(plugin)
  })

  it('is where unwrap() stops, whatever its instances are made of', () => {
    const plugin = renewable(() => Object.assign(mockPair().plugin, { [pluginDispose]: () => 'let go' }))
    const wrapped = wrap(plugin, [])
    expect(describeStack(wrapped).plugin.name).toBe('Renewable')
    expect(unwrap(wrapped)).toBe(plugin)
  })

  it('refuses what makes no plugins', () => {
    expect(() => renewable(undefined as never)).toThrow(TypeError)
    expect(() => renewable(() => ({}) as PluginV2)).toThrow(/without `connect`/)
    expect(() =>
      renewable(() => {
        throw new RangeError('no port')
      })
    ).toThrow(new RangeError('no port'))
  })
})

describe('connecting again', () => {
  it('makes a fresh instance after disconnect()', async () => {
    const { plugin, made, heard } = setup()
    await plugin.connect()
    await plugin.disconnect()
    expect(plugin.isConnected()).toBe(false)
    await plugin.connect()
    expect(plugin.isConnected()).toBe(true)
    expect(made).toHaveLength(2)
    expect(heard).toEqual(['connect', 'disconnect', 'connect'])
  })

  it('uses the first instance for the first connection', async () => {
    const { plugin, made } = setup()
    await plugin.connect()
    expect(made).toHaveLength(1)
  })

  it('makes a fresh instance after an error, and tells of the end of the old one', async () => {
    const { plugin, made, heard, peer } = setup()
    const errors: unknown[] = []
    plugin.on('error', (error: unknown) => errors.push(error))
    await plugin.connect()
    const error = new Error('broken')
    peer(0).fail(error)
    expect(errors).toEqual([error])
    await plugin.connect()
    expect(made).toHaveLength(2)
    expect(made[0]?.connected).toBe(false)
    expect(heard).toEqual(['connect', 'disconnect', 'connect'])
  })

  it('makes a fresh instance after a connect() that failed', async () => {
    const refused = new Error('refused')
    const { plugin, made, heard } = setup((peer, _plugin, number) => {
      if (number === 0) peer.onConnect = () => Promise.reject(refused)
    })
    await expect(plugin.connect()).rejects.toBe(refused)
    expect(plugin.isConnected()).toBe(false)
    expect(heard).toEqual([])
    await plugin.connect()
    expect(plugin.isConnected()).toBe(true)
    expect(made).toHaveLength(2)
  })

  it('turns a connect() that throws into a rejection with the very same value', async () => {
    const { plugin } = setup((_peer, instance) => {
      instance.connect = () => {
        throw undefined
      }
    })
    await expect(plugin.connect()).rejects.toBeUndefined()
  })

  it('rejects when no fresh instance can be made, and tries again with the next call', async () => {
    let broken = false
    const plugin = renewable(() => {
      if (broken) throw new RangeError('no port')
      return mockPair().plugin
    })
    await plugin.connect()
    await plugin.disconnect()
    broken = true
    await expect(plugin.connect()).rejects.toThrow('no port')
    broken = false
    await plugin.connect()
    expect(plugin.isConnected()).toBe(true)
  })

  it('rejects when the same instance is made twice', async () => {
    const { plugin: instance } = mockPair()
    const plugin = renewable(() => instance)
    await plugin.connect()
    await plugin.disconnect()
    await expect(plugin.connect()).rejects.toThrow(TypeError)
  })

  it('keeps an instance that only lost its connection', async () => {
    const { plugin, made, heard, peer } = setup()
    await plugin.connect()
    peer(0).lose()
    expect(plugin.isConnected()).toBe(false)
    const connecting = plugin.connect()
    await turn()
    peer(0).restore()
    await connecting
    expect(plugin.isConnected()).toBe(true)
    expect(made).toHaveLength(1)
    expect(heard).toEqual(['connect', 'disconnect', 'connect'])
  })

  it('does not take a connect() for done that an instance with a lost connection ignores', async () => {
    const { plugin, made, peer } = setup()
    await plugin.connect()
    peer(0).lose()
    await expect(plugin.connect({ timeout: 5 })).rejects.toThrow('Not connected within 5 ms')
    expect(made).toHaveLength(1)
    // it comes back by itself all the same
    peer(0).restore()
    expect(plugin.isConnected()).toBe(true)
    await plugin.connect()
  })

  it('makes a fresh instance when one with a lost connection cannot connect', async () => {
    const { plugin, made, peer } = setup()
    await plugin.connect()
    peer(0).lose()
    Object.assign(made[0] as MockPlugin, { connect: () => Promise.reject(new Error('down')) })
    await expect(plugin.connect()).rejects.toThrow('down')
    await plugin.connect()
    expect(made).toHaveLength(2)
    expect(plugin.isConnected()).toBe(true)
  })

  it('asks an instance with a lost connection again after a connect() that did nothing and ran out of time', async () => {
    // later calls joined the first one, which waited for ever
    const { plugin, made, peer } = setup()
    await plugin.connect()
    peer(0).lose()
    let asked = 0
    Object.assign(made[0] as MockPlugin, { connect: () => Promise.resolve(void (asked += 1)) })
    await expect(plugin.connect({ timeout: 5 })).rejects.toThrow('Not connected within 5 ms')
    await expect(plugin.connect({ timeout: 5 })).rejects.toThrow('Not connected within 5 ms')
    const connecting = plugin.connect()
    expect(asked).toBe(3)
    peer(0).restore()
    await connecting
    expect(made).toHaveLength(1)
  })

  it('waits with an instance with a lost connection that is still connecting, and has a fresh one if it fails', async () => {
    const { plugin, made, peer } = setup()
    await plugin.connect()
    peer(0).lose()
    const failing: ((error: Error) => void)[] = []
    Object.assign(made[0] as MockPlugin, {
      connect: () => new Promise<void>((_resolve, reject) => failing.push(reject))
    })
    await expect(plugin.connect({ timeout: 5 })).rejects.toThrow('Not connected within 5 ms')
    const connecting = plugin.connect()
    expect(failing).toHaveLength(1)
    failing[0]?.(new Error('down'))
    await expect(connecting).rejects.toThrow('down')
    await plugin.connect()
    expect(made).toHaveLength(2)
  })

  it('gives up waiting for a lost connection when the instance breaks', async () => {
    const { plugin, peer } = setup()
    plugin.on('error', () => undefined)
    await plugin.connect()
    peer(0).lose()
    const connecting = plugin.connect()
    await turn()
    const error = new Error('broken')
    peer(0).fail(error)
    await expect(connecting).rejects.toBe(error)
  })
})

describe('connect()', () => {
  it('is one connection for several calls at once', async () => {
    const { plugin, made, heard } = setup()
    const connected: boolean[] = []
    const note = (): unknown => connected.push(plugin.isConnected())
    await Promise.all([plugin.connect().then(note), plugin.connect().then(note)])
    expect(connected).toEqual([true, true])
    expect(made).toHaveLength(1)
    expect(heard).toEqual(['connect'])
  })

  it('resolves and emits nothing while connected', async () => {
    const { plugin, heard } = setup()
    await plugin.connect()
    await plugin.connect()
    expect(heard).toEqual(['connect'])
  })

  it('hands its options to the instance as they are', async () => {
    const given: unknown[] = []
    const { plugin } = setup((peer) => {
      peer.onConnect = (options) => Promise.resolve(void given.push(options))
    })
    const options = { timeout: 1000 }
    await plugin.connect(options)
    expect(given[0]).toBe(options)
  })

  it('refuses a timeout that is no number', async () => {
    const { plugin } = setup()
    for (const timeout of ['soon', NaN, null, {}]) {
      await expect(plugin.connect({ timeout } as never)).rejects.toBeInstanceOf(TypeError)
    }
  })

  it('ends by its timeout where the instance does not heed it, and lets that instance go', async () => {
    const { plugin, made, heard } = setup((peer, _plugin, number) => {
      if (number === 0) peer.onConnect = never
    })
    const before = made[0]?.listenerCount('connect')
    expect(before).toBe(1)
    await expect(plugin.connect({ timeout: 5 })).rejects.toMatchObject({
      name: 'UnreachableError',
      code: 'ILP_WRAP_CONNECT_TIMEOUT'
    })
    expect(made[0]?.listenerCount('connect')).toBe(0)
    await plugin.connect({ timeout: 0 })
    expect(made).toHaveLength(2)
    expect(heard).toEqual(['connect'])
  })

  it('goes on for those who wait longer', async () => {
    let succeed: (() => void) | undefined
    const { plugin } = setup((peer) => {
      peer.onConnect = () =>
        new Promise((resolve) => {
          succeed = resolve
        })
    })
    const patient = plugin.connect({ timeout: Infinity })
    await expect(plugin.connect({ timeout: 5 })).rejects.toThrow('within 5 ms')
    succeed?.()
    await patient
    expect(plugin.isConnected()).toBe(true)
  })

  it('leaves nothing of its timeout when it is connected in time', async () => {
    const { plugin } = setup()
    await plugin.connect({ timeout: 60_000 })
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length).toBeLessThan(3)
  })

  it('is over with the error of an instance that breaks instead of connecting', async () => {
    const { plugin, peer } = setup((each) => {
      each.onConnect = never
    })
    plugin.on('error', () => undefined)
    const connecting = plugin.connect()
    const error = new Error('broken')
    peer(0).fail(error)
    await expect(connecting).rejects.toBe(error)
  })

  it('ends when it is overtaken by disconnect(), and the instance is let go', async () => {
    const { plugin, made, heard } = setup((peer) => {
      peer.onConnect = never
    })
    const connecting = plugin.connect()
    await plugin.disconnect()
    await expect(connecting).rejects.toMatchObject({ code: 'ILP_WRAP_DISCONNECTED' })
    expect(made[0]?.listenerCount('connect')).toBe(0)
    expect(plugin.isConnected()).toBe(false)
    expect(heard).toEqual([])
  })

  it('waits for a disconnect() that is under way', async () => {
    let closed: (() => void) | undefined
    const { plugin, made, heard } = setup((peer, _plugin, number) => {
      if (number > 0) return
      peer.onDisconnect = () =>
        new Promise((resolve) => {
          closed = resolve
        })
    })
    await plugin.connect()
    const closing = plugin.disconnect()
    const connecting = plugin.connect()
    await turn()
    expect(made).toHaveLength(1)
    closed?.()
    await Promise.all([closing, connecting])
    expect(made).toHaveLength(2)
    expect(heard).toEqual(['connect', 'disconnect', 'connect'])
  })

  it('waits for a disconnect() that is under way while the instance is connected still', async () => {
    // it was resolved at once, and ended without a connection
    const { plugin, made, heard } = setup((peer, instance) => {
      instance.disconnect = async () => {
        await turn()
        peer.lose()
      }
    })
    await plugin.connect()
    const closing = plugin.disconnect()
    expect(plugin.isConnected()).toBe(true)
    await plugin.connect()
    await closing
    expect(plugin.isConnected()).toBe(true)
    expect(made).toHaveLength(2)
    expect(heard).toEqual(['connect', 'disconnect', 'connect'])
  })

  it('may be called by a listener of disconnect', async () => {
    const { plugin, made } = setup()
    await plugin.connect()
    let again: Promise<void> | undefined
    plugin.once('disconnect', () => {
      again = plugin.connect()
    })
    await plugin.disconnect()
    await again
    expect(plugin.isConnected()).toBe(true)
    expect(made).toHaveLength(2)
  })

  it('ends when disconnect() comes while the old instance is still being let go', async () => {
    let closed: (() => void) | undefined
    const { plugin, made } = setup((peer, _plugin, number) => {
      if (number > 0) return
      peer.onConnect = () => Promise.reject(new Error('down'))
      peer.onDisconnect = () =>
        new Promise((resolve) => {
          closed = resolve
        })
    })
    await expect(plugin.connect()).rejects.toThrow('down')
    const connecting = plugin.connect()
    const closing = plugin.disconnect()
    closed?.()
    await closing
    await expect(connecting).rejects.toMatchObject({ code: 'ILP_WRAP_DISCONNECTED' })
    expect(made).toHaveLength(1)
  })

  it('ends when a second disconnect() comes while both wait for the first', async () => {
    let closed: (() => void) | undefined
    const { plugin, made, heard } = setup((peer) => {
      peer.onDisconnect = () =>
        new Promise((resolve) => {
          closed = resolve
        })
    })
    await plugin.connect()
    const closing = [plugin.disconnect()]
    const connecting = plugin.connect()
    closing.push(plugin.disconnect())
    closed?.()
    await Promise.all(closing)
    await expect(connecting).rejects.toMatchObject({ code: 'ILP_WRAP_DISCONNECTED' })
    expect(plugin.isConnected()).toBe(false)
    expect(made).toHaveLength(1)
    expect(heard).toEqual(['connect', 'disconnect'])
  })

  it('counts when it comes last of several that wait for a disconnect() with others', async () => {
    let closed: (() => void) | undefined
    const { plugin, made } = setup((peer, _plugin, number) => {
      if (number > 0) return
      peer.onDisconnect = () =>
        new Promise((resolve) => {
          closed = resolve
        })
    })
    await plugin.connect()
    const closing = [plugin.disconnect()]
    const first = plugin.connect()
    closing.push(plugin.disconnect())
    const second = plugin.connect()
    closed?.()
    await Promise.all(closing)
    await expect(first).rejects.toMatchObject({ code: 'ILP_WRAP_DISCONNECTED' })
    await second
    expect(plugin.isConnected()).toBe(true)
    expect(made).toHaveLength(2)
  })

  it('ends by its timeout while the old instance is still being let go', async () => {
    const { plugin, made } = setup((peer, _plugin, number) => {
      if (number > 0) return
      peer.onConnect = () => Promise.reject(new Error('down'))
      peer.onDisconnect = never
    })
    await expect(plugin.connect()).rejects.toThrow('down')
    await expect(plugin.connect({ timeout: 5 })).rejects.toThrow('within 5 ms')
    expect(made).toHaveLength(1)
  })

  it('ends by its timeout, too, when disconnect() has come while the old instance is still being let go', async () => {
    const { plugin } = setup((peer, _plugin, number) => {
      if (number > 0) return
      peer.onConnect = () => Promise.reject(new Error('down'))
      peer.onDisconnect = never
    })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    await expect(plugin.connect()).rejects.toThrow('down')
    const connecting = plugin.connect({ timeout: 5 }).catch((error: unknown) => error)
    let closed = false
    void plugin.disconnect().then(() => (closed = true))
    await vi.advanceTimersByTimeAsync(5)
    expect(await connecting).toMatchObject({ code: 'ILP_WRAP_CONNECT_TIMEOUT' })
    // an instance that never finishes to disconnect is waited for a second
    await vi.advanceTimersByTimeAsync(994)
    expect(closed).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(closed).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('takes an instance that is connected from the start as it is', async () => {
    const { plugin: instance } = mockPair({ connected: true })
    const plugin = renewable(() => instance)
    expect(plugin.isConnected()).toBe(true)
    await plugin.connect()
    await plugin.disconnect()
    expect(instance.connected).toBe(false)
  })
})

describe('disconnect()', () => {
  it('resolves and emits nothing while idle, and leaves the first instance alone', async () => {
    // ilp-plugin-btp emits `disconnect` even if it never was connected
    const { plugin, made, heard } = setup((_peer, instance) => {
      instance.disconnect = () => Promise.resolve(void instance.emit('disconnect'))
    })
    await plugin.disconnect()
    await plugin.connect()
    expect(made).toHaveLength(1)
    await plugin.disconnect()
    await plugin.disconnect()
    expect(heard).toEqual(['connect', 'disconnect'])
  })

  it('is told to the host even if the instance does not say so', async () => {
    const { plugin, heard } = setup((_peer, instance) => {
      instance.disconnect = () => Promise.resolve()
    })
    await plugin.connect()
    await plugin.disconnect()
    expect(plugin.isConnected()).toBe(false)
    expect(heard).toEqual(['connect', 'disconnect'])
  })

  it('passes on the disconnect of an instance that never said connect', async () => {
    const { plugin, made, heard } = setup((_peer, instance) => {
      instance.connect = () => {
        instance.connected = true
        return Promise.resolve()
      }
    })
    await plugin.connect()
    expect(heard).toEqual([])
    made[0]?.peer.lose()
    expect(heard).toEqual(['disconnect'])
  })

  it('rejects with the error of the instance, once it has been let go', async () => {
    const error = new Error('stuck')
    let calls = 0
    const { plugin, made, heard } = setup((peer) => {
      peer.onDisconnect = () => {
        calls += 1
        return calls === 1 ? Promise.reject(error) : Promise.resolve()
      }
    })
    await plugin.connect()
    await expect(plugin.disconnect()).rejects.toBe(error)
    // it may have stopped halfway, so it was told once more
    expect(calls).toBe(2)
    expect(heard).toEqual(['connect', 'disconnect'])
    await plugin.connect()
    expect(made).toHaveLength(2)
  })

  it('joins one that is under way', async () => {
    const { plugin, heard } = setup()
    await plugin.connect()
    await Promise.all([plugin.disconnect(), plugin.disconnect()])
    expect(heard).toEqual(['connect', 'disconnect'])
  })

  it('passes on what a listener of disconnect throws', async () => {
    const { plugin, made } = setup()
    await plugin.connect()
    const error = new Error('listener')
    plugin.once('disconnect', () => {
      throw error
    })
    await expect(plugin.disconnect()).rejects.toBe(error)
    await plugin.connect()
    expect(made).toHaveLength(2)
  })

  it('is told once more to an instance that connects though it was let go', async () => {
    for (const how of ['resolves', 'rejects'] as const) {
      const ends: (() => void)[] = []
      const { plugin, made, heard } = setup((peer, instance) => {
        instance.connect = () =>
          new Promise((resolve, reject) => {
            ends.push(() => {
              peer.restore()
              if (how === 'resolves') resolve()
              else reject(new Error('late'))
            })
          })
      })
      const connecting = plugin.connect()
      await plugin.disconnect()
      await expect(connecting).rejects.toMatchObject({ code: 'ILP_WRAP_DISCONNECTED' })
      await expect(plugin.connect({ timeout: 5 })).rejects.toThrow('within 5 ms')
      for (const end of ends) end()
      await turn()
      expect(made.map(({ connected }) => connected)).toEqual([false, false])
      expect(heard).toEqual([])
    }
  })

  it('lets go of an instance that refuses to disconnect, however often', async () => {
    const { plugin, made } = setup((peer) => {
      peer.onConnect = () => Promise.reject(new Error('down'))
      peer.onDisconnect = () => Promise.reject(new Error('stuck'))
    })
    await expect(plugin.connect()).rejects.toThrow('down')
    await expect(plugin.connect()).rejects.toThrow('down')
    await plugin.disconnect()
    expect(made).toHaveLength(2)
  })
})

describe('packets and money', () => {
  it('go through the instance of now, and so do their answers', async () => {
    const { plugin, peer } = setup()
    await plugin.connect()
    const data = plugin.sendData(hello)
    const request = await peer(0).request()
    expect(request.data).toBe(hello)
    const answer = Buffer.from('hi')
    request.answer(answer)
    expect(await data).toBe(answer)

    const money = plugin.sendMoney('10')
    const payment = await peer(0).payment()
    expect(payment.amount).toBe('10')
    payment.accept()
    expect(await money).toBeUndefined()
  })

  it('reject with the very error of the instance', async () => {
    const { plugin, made, peer } = setup()
    await plugin.connect()
    const data = plugin.sendData(hello)
    const request = await peer(0).request()
    request.throw(undefined)
    await expect(data).rejects.toBeUndefined()
    const error = new Error('at once')
    Object.assign(made[0] as MockPlugin, {
      sendData: () => {
        throw error
      }
    })
    await expect(plugin.sendData(hello)).rejects.toBe(error)
  })

  it('that wait for an answer are rejected by disconnect(), and what they moved stays unknown', async () => {
    // ilp-plugin-btp keeps them for 35 seconds, and says that they timed out
    const { plugin, peer } = setup()
    await plugin.connect()
    const sent = [plugin.sendData(hello), plugin.sendMoney('10')]
    const [request, payment] = [await peer(0).request(), await peer(0).payment()]
    await plugin.disconnect()
    for (const each of sent) {
      const error: unknown = await each.then(
        () => undefined,
        (reason: unknown) => reason
      )
      expect(error).toMatchObject({ name: 'UnreachableError', code: 'ILP_WRAP_UNANSWERED' })
      expect(errorOutcome(error)).toBe('ambiguous')
    }
    // late answers go nowhere
    request.answer(hello)
    payment.refuse(new Error('late'))
    await turn()
  })

  it('that nobody could take are rejected at once, and proven not to be sent', async () => {
    const { plugin } = setup((peer) => {
      peer.onConnect = never
    })
    const refused = async (): Promise<void> => {
      for (const send of [() => plugin.sendData(hello), () => plugin.sendMoney('1')]) {
        const error: unknown = await send().then(
          () => undefined,
          (reason: unknown) => reason
        )
        expect(error).toMatchObject({ name: 'UnreachableError', code: 'ILP_WRAP_NOT_CONNECTED' })
        expect(errorOutcome(error)).toBe('not-sent')
      }
    }
    await refused()
    const connecting = plugin.connect()
    await refused()
    await plugin.disconnect()
    await expect(connecting).rejects.toThrow()
    await refused()
  })

  it('that come while the connection is lost go to the instance, which may know better', async () => {
    // a BTP listener says so whenever any socket to it is closed
    const { plugin, made, peer } = setup()
    await plugin.connect()
    peer(0).lose()
    Object.assign(made[0] as MockPlugin, { sendData: (data: Buffer) => Promise.resolve(data) })
    expect(await plugin.sendData(hello)).toBe(hello)
  })
})

describe('handlers', () => {
  it('move over to each fresh instance', async () => {
    const { plugin, peer } = setup()
    const seen: unknown[] = []
    plugin.registerDataHandler((data) => {
      seen.push(data)
      return Promise.resolve(data)
    })
    plugin.registerMoneyHandler((amount) => Promise.resolve(void seen.push(amount)))
    await plugin.connect()
    await peer(0).sendData(hello)
    await plugin.disconnect()
    await plugin.connect()
    expect(await peer(1).sendData(hello)).toBe(hello)
    await peer(1).sendMoney('7')
    expect(seen).toEqual([hello, hello, '7'])
  })

  it('are on the instance only while the host has one', async () => {
    const { plugin, made } = setup()
    expect(made[0]?.dataHandler).toBeUndefined()
    plugin.registerDataHandler((data) => Promise.resolve(data))
    plugin.registerMoneyHandler(() => Promise.resolve())
    expect(made[0]?.dataHandler).toBeDefined()
    plugin.deregisterDataHandler()
    plugin.deregisterMoneyHandler()
    expect(made[0]?.dataHandler).toBeUndefined()
    expect(made[0]?.moneyHandler).toBeUndefined()
    await plugin.connect()
    await plugin.disconnect()
    plugin.registerDataHandler((data) => Promise.resolve(data))
    plugin.registerMoneyHandler(() => Promise.resolve())
    plugin.deregisterDataHandler()
    plugin.deregisterMoneyHandler()
    await plugin.connect()
    expect(made[1]?.dataHandler).toBeUndefined()
    expect(made[1]?.moneyHandler).toBeUndefined()
  })

  it('are refused a second time, by the error of the interface', () => {
    const { plugin } = setup()
    plugin.registerDataHandler((data) => Promise.resolve(data))
    plugin.registerMoneyHandler(() => Promise.resolve())
    expect(() => {
      plugin.registerDataHandler((data) => Promise.resolve(data))
    }).toThrow(expect.objectContaining({ name: 'DataHandlerAlreadyRegisteredError' }))
    expect(() => {
      plugin.registerMoneyHandler(() => Promise.resolve())
    }).toThrow(expect.objectContaining({ name: 'MoneyHandlerAlreadyRegisteredError' }))
  })

  it('are refused when they are no functions', () => {
    const { plugin } = setup()
    expect(() => {
      plugin.registerDataHandler('no' as never)
    }).toThrow(expect.objectContaining({ name: 'InvalidFieldsError' }))
    expect(() => {
      plugin.registerMoneyHandler(undefined as never)
    }).toThrow(expect.objectContaining({ name: 'InvalidFieldsError' }))
  })

  it('stay free when the instance refuses one', () => {
    const { plugin, made } = setup()
    made[0]?.registerDataHandler((data) => Promise.resolve(data))
    expect(() => {
      plugin.registerDataHandler((data) => Promise.resolve(data))
    }).toThrow('mock')
    made[0]?.deregisterDataHandler()
    plugin.registerDataHandler((data) => Promise.resolve(data))
  })

  it('that return no promise have been called all the same', async () => {
    // the money was taken, and the peer was told that there was no handler
    const { plugin, made } = setup()
    const seen: unknown[] = []
    plugin.registerDataHandler((() => undefined) as never)
    plugin.registerMoneyHandler(((amount: string) => void seen.push(amount)) as never)
    await plugin.connect()
    const { dataHandler, moneyHandler } = made[0] as MockPlugin
    expect(await dataHandler?.(hello).then((answer) => [answer])).toEqual([undefined])
    expect(await moneyHandler?.('5').then((answer) => [answer])).toEqual([undefined])
    expect(seen).toEqual(['5'])
  })

  it('are not called by an instance that has been let go', async () => {
    const { plugin, made } = setup()
    let calls = 0
    plugin.registerDataHandler((data) => {
      calls += 1
      return Promise.resolve(data)
    })
    plugin.registerMoneyHandler(() => Promise.resolve(void (calls += 1)))
    await plugin.connect()
    const { dataHandler, moneyHandler } = made[0] as MockPlugin
    await plugin.disconnect()
    await expect(dataHandler?.(hello)).rejects.toMatchObject({ name: 'UnreachableError' })
    await expect(moneyHandler?.('1')).rejects.toMatchObject({ name: 'UnreachableError' })
    expect(calls).toBe(0)
  })

  it('are not called any more once the host has taken them back', async () => {
    const { plugin, made } = setup()
    plugin.registerDataHandler((data) => Promise.resolve(data))
    plugin.registerMoneyHandler(() => Promise.resolve())
    await plugin.connect()
    const { dataHandler, moneyHandler } = made[0] as MockPlugin
    plugin.deregisterDataHandler()
    plugin.deregisterMoneyHandler()
    await expect(dataHandler?.(hello)).rejects.toMatchObject({ name: 'UnreachableError' })
    await expect(moneyHandler?.('1')).rejects.toMatchObject({ name: 'UnreachableError' })
  })
})

describe('events', () => {
  it('carry the arguments of the instance, once each', async () => {
    const { plugin, peer } = setup()
    await plugin.connect()
    const seen: unknown[] = []
    plugin.on('disconnect', (...args: unknown[]) => seen.push(args))
    plugin.on('connect', (...args: unknown[]) => seen.push(args))
    peer(0).lose('why', 1)
    peer(0).lose('again')
    peer(0).restore('back')
    peer(0).restore('and again')
    expect(seen).toEqual([['why', 1], ['back']])
  })

  it('come at once, and what a listener throws leaves through the emit of the instance', async () => {
    const { plugin, peer } = setup()
    await plugin.connect()
    const error = new Error('listener')
    plugin.on('disconnect', () => {
      throw error
    })
    expect(() => {
      peer(0).lose()
    }).toThrow(error)
  })

  it('are thrown from the emit of the instance when an error has no listener', async () => {
    const { plugin, peer } = setup()
    await plugin.connect()
    const error = new Error('broken')
    expect(() => {
      peer(0).fail(error)
    }).toThrow(error)
  })

  it('of other names are relayed while somebody listens, also from the next instance', async () => {
    const { plugin, made } = setup()
    const seen: unknown[] = []
    const listener = (value: unknown): unknown => seen.push(value)
    plugin.on('account', listener)
    plugin.addListener('account', () => undefined)
    plugin.prependListener('account', () => undefined)
    plugin.once('account', listener)
    made[0]?.emit('account', 1)
    await plugin.connect()
    await plugin.disconnect()
    expect(made[0]?.listenerCount('account')).toBe(0)
    await plugin.connect()
    made[1]?.emit('account', 2)
    expect(seen).toEqual([1, 1, 2])
    plugin.off('account', listener)
    expect(made[1]?.listenerCount('account')).toBe(1)
    plugin.removeAllListeners('account')
    expect(made[1]?.listenerCount('account')).toBe(0)
    expect(plugin.listenerCount('account')).toBe(0)
  })

  it('of other names are not heard from an instance that was let go before somebody listened', async () => {
    const { plugin, made } = setup()
    await plugin.connect()
    await plugin.disconnect()
    const seen: unknown[] = []
    plugin.on('account', (value: unknown) => seen.push(value))
    expect(made[0]?.listenerCount('account')).toBe(0)
    await plugin.connect()
    made[0]?.emit('account', 1)
    made[1]?.emit('account', 2)
    expect(seen).toEqual([2])
  })

  it('of other names are let go of with all listeners', () => {
    const { plugin, made } = setup()
    plugin.on('one', () => undefined)
    plugin.on('two', () => undefined)
    plugin.on('newListener', () => undefined)
    expect(made[0]?.eventNames()).toEqual(['connect', 'disconnect', 'error', 'one', 'two'])
    plugin.removeAllListeners()
    expect(made[0]?.eventNames()).toEqual(['connect', 'disconnect', 'error'])
  })

  it('are heard again from the next connection on when the instance removed all listeners from itself', async () => {
    const { plugin, made, heard } = setup()
    const seen: unknown[] = []
    plugin.on('account', (value: unknown) => seen.push(value))
    made[0]?.removeAllListeners()
    await plugin.connect()
    made[0]?.emit('account', 1)
    expect(heard).toEqual(['connect'])
    expect(seen).toEqual([1])
  })

  it('of an instance that has been let go are not heard, an error neither', async () => {
    const { plugin, made, heard } = setup()
    let errors = 0
    plugin.on('error', () => (errors += 1))
    await plugin.connect()
    await plugin.disconnect()
    made[0]?.emit('connect')
    made[0]?.emit('disconnect')
    made[0]?.emit('error', new Error('late'))
    expect(heard).toEqual(['connect', 'disconnect'])
    expect(errors).toBe(0)
  })
})

describe('members', () => {
  class Counter {
    #count = 0
    readonly number: number
    constructor(number: number) {
      this.number = number
    }
    add(): number {
      this.#count += 1
      return this.#count
    }
  }

  /** An instance with members of its own, #private ones among them. */
  function instance(number: number) {
    const counter = new Counter(number)
    const { plugin } = mockPair()
    return Object.assign(plugin, {
      number,
      counter,
      name(this: { number: number }) {
        return `instance ${this.number}`
      },
      self(this: unknown) {
        return this
      },
      get double() {
        return number * 2
      }
    })
  }

  function setupMembers() {
    const made: ReturnType<typeof instance>[] = []
    const plugin = renewable(() => {
      const fresh = instance(made.length)
      made.push(fresh)
      return fresh
    })
    return { plugin: plugin as ReturnType<typeof instance> & { tag?: string }, made }
  }

  it('are those of the instance of now', async () => {
    const { plugin, made } = setupMembers()
    expect(plugin.number).toBe(0)
    expect(plugin.name()).toBe('instance 0')
    expect(plugin.counter.add()).toBe(1)
    await plugin.connect()
    await plugin.disconnect()
    await plugin.connect()
    expect(plugin.number).toBe(1)
    expect(plugin.name()).toBe('instance 1')
    expect(plugin.counter).toBe(made[1]?.counter)
    expect((plugin as unknown as Record<string, unknown>)['nothing']).toBeUndefined()
  })

  it('keep their identity, and a method taken before a renewal works after it', async () => {
    const { plugin } = setupMembers()
    const { name } = plugin
    expect(plugin.name).toBe(name)
    await plugin.connect()
    await plugin.disconnect()
    await plugin.connect()
    expect(plugin.name).toBe(name)
    expect(name.call(plugin)).toBe('instance 1')
    expect(name.call({ number: 7 })).toBe('instance 7')
  })

  it('that are replaced on the instance are seen', () => {
    const { plugin, made } = setupMembers()
    const { name } = plugin
    Object.assign(made[0] as object, { name: () => 'replaced' })
    expect(plugin.name()).toBe('replaced')
    expect(plugin.name).not.toBe(name)
    Object.assign(made[0] as object, { name: undefined })
    expect(plugin.name).toBeUndefined()
    expect(name.call(plugin)).toBe('instance 0')
  })

  it('that return the instance return the renewable plugin', () => {
    const { plugin } = setupMembers()
    expect(plugin.self()).toBe(plugin)
  })

  it('that the host assigns reach the instance, and each that follows', async () => {
    const { plugin, made } = setupMembers()
    plugin.tag = 'mine'
    expect((made[0] as { tag?: string }).tag).toBe('mine')
    await plugin.connect()
    await plugin.disconnect()
    await plugin.connect()
    expect((made[1] as { tag?: string }).tag).toBe('mine')
    expect(plugin.tag).toBe('mine')
    expect(Object.hasOwn(plugin, 'tag')).toBe(false)
  })

  it('of the emitter stay its own', () => {
    const { plugin, made } = setupMembers()
    const emit = (): boolean => true
    plugin.emit = emit
    expect(plugin.emit).toBe(emit)
    expect(made[0]?.emit).not.toBe(emit)
  })

  it('are absent from who is no renewable plugin, though it stands before the same prototype', () => {
    const { plugin } = setupMembers()
    const stranger = Object.create(Object.getPrototypeOf(plugin) as object) as Record<string, unknown>
    expect(stranger['number']).toBeUndefined()
    stranger['number'] = 5
    expect(stranger['number']).toBe(5)
    expect(plugin.number).toBe(0)
  })
})
