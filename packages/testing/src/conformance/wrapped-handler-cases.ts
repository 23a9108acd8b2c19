import assert from 'node:assert/strict'
import { defineMiddleware, wrap } from '@ilp-wrap/core'
import type { DataHandler, MoneyHandler } from '@ilp-wrap/core'
import { deferred } from '../deferred.js'
import { MockPlugin, mockPair } from '../mock-pair.js'
import { assertPluginError, assertReject, failure, outcome, thrown } from './checks.js'
import type { WrappedCase } from './case.js'

const hello = Buffer.from('hello')
const echo: DataHandler = (data) => Promise.resolve(data)
const take: MoneyHandler = () => Promise.resolve()

/** Overwrites its handlers without a word, as ilp-plugin-http does. */
class OverwritingPlugin extends MockPlugin {
  override registerDataHandler(handler: DataHandler): void {
    this.dataHandler = handler
  }

  override registerMoneyHandler(handler: MoneyHandler): void {
    this.moneyHandler = handler
  }
}

/** Refuses a second handler with an error of no particular name, as ilp-plugin-btp does. */
class VaguePlugin extends MockPlugin {
  override registerDataHandler(handler: DataHandler): void {
    vaguely(() => super.registerDataHandler(handler))
  }

  override registerMoneyHandler(handler: MoneyHandler): void {
    vaguely(() => super.registerMoneyHandler(handler))
  }
}

function vaguely(register: () => void): void {
  try {
    register()
  } catch {
    throw new Error('requestHandler is already registered')
  }
}

export const wrappedHandlerCases: readonly WrappedCase[] = [
  {
    clause: 'C58',
    title: 'has a handler on its inner plugin while its host has one, and only then',
    runWrapped(workshop) {
      const { inner, plugin } = workshop.pair()
      assert.deepEqual([inner.dataHandler, inner.moneyHandler], [undefined, undefined])
      plugin.registerDataHandler(echo)
      plugin.registerMoneyHandler(take)
      assert.deepEqual([typeof inner.dataHandler, typeof inner.moneyHandler], ['function', 'function'])
      plugin.deregisterDataHandler()
      plugin.deregisterMoneyHandler()
      assert.deepEqual([inner.dataHandler, inner.moneyHandler], [undefined, undefined])
    }
  },
  {
    clause: 'C60',
    title: 'hands whatever its handlers throw to its inner plugin, undefined included',
    async runWrapped(workshop) {
      const values: unknown[] = [undefined, null, 'text', Object.freeze(new Error('conformance: frozen'))]
      const { peer, plugin } = await workshop.connectedPair()
      let current: unknown
      plugin.registerDataHandler(() => {
        throw current
      })
      plugin.registerMoneyHandler(() => Promise.reject(current))
      for (const value of values) {
        current = value
        assert.equal(await failure(() => workshop.settle(peer.sendData(hello)), 'the data handler'), value)
        assert.equal(await failure(() => workshop.settle(peer.sendMoney('5')), 'the money handler'), value)
      }
    }
  },
  {
    clause: 'C61',
    title: 'survives a data handler that gives no Buffer, and no promise',
    async runWrapped(workshop) {
      const values: unknown[] = [undefined, null, 'text', {}]
      const { length } = values
      const { peer, plugin } = await workshop.connectedPair()
      let left = length
      plugin.registerDataHandler((data) => {
        if (left-- > 0) return values.shift() as ReturnType<DataHandler>
        return echo(data)
      })
      for (let i = 0; i < length; i++) {
        await outcome(() => workshop.settle(peer.sendData(i % 2 === 0 ? hello : workshop.prepare({ amount: i }))))
      }
      assert.deepEqual(await workshop.settle(peer.sendData(hello)), hello)
    }
  },
  {
    clause: 'C62',
    title: 'answers for a handler that never settles at the expiry, and swallows what comes later',
    needs: ['incomingExpiry'],
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      const handled = deferred<Buffer>()
      plugin.registerDataHandler(() => handled.promise)
      assertReject(await workshop.settle(peer.sendData(workshop.prepare())))
      handled.reject(new Error('conformance: late'))
    }
  },
  {
    clause: 'C63',
    title: 'has one handler on its inner plugin, whose refusal of it reaches the host',
    runWrapped(workshop) {
      const { plugin: inner } = mockPair()
      const foreign: DataHandler = (data) => Promise.resolve(data)
      inner.registerDataHandler(foreign)
      const plugin = workshop.wrap(inner)
      const error = thrown(() => plugin.registerDataHandler(echo), 'registering over a foreign handler')
      assertPluginError(error, ['DataHandlerAlreadyRegisteredError'])
      assert.equal(inner.dataHandler, foreign)
      inner.deregisterDataHandler()
      plugin.registerDataHandler(echo)
      assert.equal(typeof inner.dataHandler, 'function')
    }
  },
  {
    clause: 'C64',
    title: 'works over a plugin that wants its handler before it connects',
    async runWrapped(workshop) {
      class StrictPlugin extends MockPlugin {
        override connect(): Promise<void> {
          if (this.dataHandler === undefined) return Promise.reject(new Error('conformance: no handler'))
          return super.connect()
        }
      }
      const plugin = workshop.wrap(new StrictPlugin())
      plugin.registerDataHandler(echo)
      await workshop.settle(plugin.connect())
      assert.equal(plugin.isConnected(), true)
    }
  },
  {
    clause: 'C65',
    title: 'refuses a second handler by the name of the RFC, whatever its inner plugin does',
    runWrapped(workshop) {
      for (const inner of [new VaguePlugin(), new OverwritingPlugin()]) {
        const plugin = workshop.wrap(inner)
        plugin.registerDataHandler(echo)
        plugin.registerMoneyHandler(take)
        const [data, money] = [inner.dataHandler, inner.moneyHandler]
        assertPluginError(
          thrown(() => plugin.registerDataHandler(echo), 'registering a second data handler'),
          ['DataHandlerAlreadyRegisteredError']
        )
        assertPluginError(
          thrown(() => plugin.registerMoneyHandler(take), 'registering a second money handler'),
          ['MoneyHandlerAlreadyRegisteredError']
        )
        assert.deepEqual([inner.dataHandler, inner.moneyHandler], [data, money])
      }
    }
  },
  {
    clause: 'C67',
    title: 'hands what a middleware above it throws to its inner plugin, or a reject in place of it for a prepare',
    async runWrapped(workshop) {
      const error = new Error('conformance: middleware')
      const throwing = defineMiddleware({ name: 'throwing', place: {} }, () => ({
        handleData() {
          throw error
        }
      }))
      const { plugin: inner, peer } = mockPair()
      const plugin = wrap(workshop.wrap(inner), [throwing])
      plugin.registerDataHandler(echo)
      await workshop.settle(plugin.connect())
      assert.equal(await failure(() => workshop.settle(peer.sendData(hello)), 'a middleware that throws'), error)
      const ended = await outcome(() => workshop.settle(peer.sendData(workshop.prepare())))
      if ('value' in ended) assertReject(ended.value)
      else assert.equal(ended.error, error)
    }
  },
  {
    clause: 'C77',
    title: 'refuses a handler when another wrapped plugin over the same inner one has one',
    runWrapped(workshop) {
      for (const inner of [new MockPlugin(), new OverwritingPlugin()]) {
        const [first, second] = [workshop.wrap(inner), workshop.wrap(inner)]
        first.registerDataHandler(echo)
        const error = thrown(() => second.registerDataHandler(echo), 'registering through the second')
        assertPluginError(error, ['DataHandlerAlreadyRegisteredError'])
        second.deregisterDataHandler()
        assert.equal(typeof inner.dataHandler, 'function', 'the second has removed the handler of the first')
        first.deregisterDataHandler()
        second.registerDataHandler(echo)
      }
    }
  }
]
