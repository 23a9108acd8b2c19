import {
  DataHandlerAlreadyRegisteredError,
  InvalidFieldsError,
  MoneyHandlerAlreadyRegisteredError
} from '@ilp-wrap/core'
import { describe, expect, it } from 'vitest'
import { conformance, fulfill, mockPair, prepare, rejectPacket } from '../src/index.js'
import type { Factory } from '../src/index.js'

const hello = Buffer.from('hello')

/** A mock whose peer hands on what arrives to handlers, as another plugin would. */
const factory: Factory = () => {
  const { plugin, peer } = mockPair()
  return {
    plugin,
    peer: {
      sendData: (data) => peer.sendData(data),
      sendMoney: (amount) => peer.sendMoney(amount),
      registerDataHandler: (handler) => (peer.onData = handler),
      deregisterDataHandler: () => (peer.onData = undefined),
      registerMoneyHandler: (handler) => (peer.onMoney = handler),
      deregisterMoneyHandler: () => (peer.onMoney = undefined)
    },
    network: { lose: () => peer.lose() }
  }
}

describe('the mock plugin', () => {
  conformance({ describe, it }, factory, {
    supports: { build: false, refuse: false, silence: false },
    skip: {
      C10: 'leaves timeouts to the test',
      C21: 'leaves connections to the test',
      'C24 settles what was sent before disconnect()': 'leaves answers to the test',
      'C24 calls no handler after disconnect()': 'leaves it to the test what arrives',
      'C61 survives a data handler that gives no Buffer': 'hands back whatever a handler gives',
      C72: 'leaves answers to the test'
    }
  })
})

describe('mockPair', () => {
  it('gives what was sent to the test, which answers in its own time', async () => {
    const { plugin, peer } = mockPair({ connected: true })
    const packet = prepare()
    const sending = [plugin.sendData(packet), plugin.sendData(hello), plugin.sendData(packet), plugin.sendData(hello)]
    expect(peer.requests.size).toBe(4)
    const [first, second, third, fourth] = [
      await peer.request(),
      await peer.request(),
      await peer.request(),
      await peer.request()
    ]
    expect(first.data).toBe(packet)
    third.reject('T00')
    first.fulfill({ data: hello })
    const error = new Error('test')
    second.throw(error)
    fourth.answer(hello)
    expect(await sending[0]).toEqual(fulfill({ data: hello }))
    await expect(sending[1]).rejects.toBe(error)
    expect(await sending[2]).toEqual(rejectPacket('T00'))
    expect(await sending[3]).toBe(hello)
  })

  it('waits for what is sent later', async () => {
    const { plugin, peer } = mockPair({ connected: true })
    const request = peer.request()
    const sending = plugin.sendData(hello)
    ;(await request).answer(hello)
    expect(await sending).toBe(hello)
  })

  it('gives money to the test, which takes or refuses it', async () => {
    const { plugin, peer } = mockPair({ connected: true })
    const paying = [plugin.sendMoney('5'), plugin.sendMoney('7')]
    const error = new Error('test')
    const [first, second] = [await peer.payment(), await peer.payment()]
    expect([first.amount, second.amount]).toEqual(['5', '7'])
    first.accept()
    second.refuse(error)
    expect(await paying[0]).toBeUndefined()
    await expect(paying[1]).rejects.toBe(error)
  })

  it('answers by itself when it is told how', async () => {
    const { plugin, peer } = mockPair({ connected: true })
    peer.onData = (data) => Promise.resolve(data)
    peer.onMoney = () => Promise.resolve()
    expect(await plugin.sendData(hello)).toBe(hello)
    expect(await plugin.sendMoney('5')).toBeUndefined()
    expect([peer.requests.size, peer.payments.size]).toEqual([0, 0])
  })

  it('hands incoming data and money to the handlers, and gives their very answers and errors', async () => {
    const { plugin, peer } = mockPair()
    await expect(peer.sendData(hello)).rejects.toThrow('no data handler')
    await expect(peer.sendMoney('5')).rejects.toThrow('no money handler')
    const error = new Error('test')
    plugin.registerDataHandler((data) => Promise.resolve(data))
    plugin.registerMoneyHandler(() => {
      throw error
    })
    expect(await peer.sendData(hello)).toBe(hello)
    await expect(peer.sendMoney('5')).rejects.toBe(error)
  })

  it('lets the test decide how connect() and disconnect() end', async () => {
    const { plugin, peer } = mockPair()
    const error = new Error('test')
    const seen: unknown[] = []
    peer.onConnect = (options) => {
      seen.push(options)
      return Promise.reject(error)
    }
    await expect(plugin.connect({ timeout: 5 })).rejects.toBe(error)
    expect([plugin.isConnected(), seen]).toEqual([false, [{ timeout: 5 }]])
    peer.onConnect = undefined
    await plugin.connect()
    peer.onDisconnect = () => Promise.reject(error)
    await expect(plugin.disconnect()).rejects.toBe(error)
    expect(plugin.isConnected()).toBe(false)
  })

  it('emits what the test has it emit, with arguments', () => {
    const { plugin, peer } = mockPair()
    const seen: unknown[][] = []
    for (const name of ['connect', 'disconnect', 'error'])
      plugin.on(name, (...args: unknown[]) => seen.push([name, ...args]))
    peer.restore(1)
    expect(plugin.isConnected()).toBe(true)
    peer.lose(2, 3)
    expect(plugin.isConnected()).toBe(false)
    peer.fail('broken')
    expect(seen).toEqual([
      ['connect', 1],
      ['disconnect', 2, 3],
      ['error', 'broken']
    ])
  })

  it('refuses a second handler, and what is none', () => {
    const { plugin } = mockPair()
    plugin.registerDataHandler((data) => Promise.resolve(data))
    plugin.registerMoneyHandler(() => Promise.resolve())
    expect(() => plugin.registerDataHandler((data) => Promise.resolve(data))).toThrow(DataHandlerAlreadyRegisteredError)
    expect(() => plugin.registerMoneyHandler(() => Promise.resolve())).toThrow(MoneyHandlerAlreadyRegisteredError)
    expect(() => plugin.registerDataHandler(5 as never)).toThrow(InvalidFieldsError)
  })
})
