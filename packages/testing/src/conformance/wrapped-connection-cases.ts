import assert from 'node:assert/strict'
import { UnreachableError } from '@ilp-wrap/core'
import type { ConnectOptions, PluginV2 } from '@ilp-wrap/core'
import { deferred } from '../deferred.js'
import { MockPlugin, mockPair } from '../mock-pair.js'
import { MemoryStore } from '../services.js'
import { failure, recordEvents, thrown, turn, typesOf } from './checks.js'
import type { RecordedEvent } from './checks.js'
import type { WrappedCase } from './case.js'

const hello = Buffer.from('hello')

export const wrappedConnectionCases: readonly WrappedCase[] = [
  {
    clause: 'C9',
    title: 'makes a rejection of what its inner connect() throws',
    async runWrapped(workshop) {
      const error = new Error('conformance: thrown')
      class ThrowingPlugin extends MockPlugin {
        override connect(): never {
          throw error
        }
      }
      const plugin = workshop.wrap(new ThrowingPlugin())
      const connecting = plugin.connect()
      assert.equal(await failure(() => workshop.settle(connecting), 'connect'), error)
    }
  },
  {
    clause: 'C25',
    title: 'emits what its inner plugin emits once, to listeners from before and after connecting',
    async runWrapped(workshop) {
      const { inner, peer, plugin } = workshop.pair()
      const seen: string[] = []
      inner.on('connect', () => seen.push('inner'))
      plugin.on('connect', () => seen.push('before'))
      await workshop.settle(plugin.connect())
      // a layer with a `lifecycle` has listened since it was made, others since their host does
      assert.deepEqual(seen.splice(0).sort(), ['before', 'inner'])
      plugin.on('error', () => seen.push('after'))
      peer.fail(new Error('conformance: failed'))
      assert.deepEqual(seen, ['after'])
    }
  },
  {
    clause: 'C25',
    title: 'emits a loss that lasts, and the connection after it, with their arguments',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      const events = recordEvents(plugin)
      peer.onConnect = () => Promise.reject(new UnreachableError('conformance: away'))
      peer.lose('lost', 1)
      await workshop.pass(() => {
        assertConsistent(plugin, events, true)
        return events.length > 0
      })
      peer.restore('back', 2)
      await workshop.pass(() => events.length > 1)
      assert.deepEqual(events, [
        { type: 'disconnect', args: ['lost', 1], connected: false },
        { type: 'connect', args: ['back', 2], connected: true }
      ])
    }
  },
  {
    clause: 'C25',
    title: 'says of its connection what its inner plugin says, but while it withholds a disconnect',
    async runWrapped(workshop) {
      const { inner, peer, plugin } = workshop.pair()
      const events = recordEvents(plugin)
      assert.equal(plugin.isConnected(), false)
      await workshop.settle(plugin.connect())
      assertConsistent(plugin, events, false)
      peer.lose()
      assertConsistent(plugin, events, false)
      peer.restore()
      assertConsistent(plugin, events, false)
      assert.equal(plugin.isConnected(), true)
      await workshop.settle(plugin.disconnect())
      assertConsistent(plugin, events, false)
      assert.equal(plugin.isConnected(), inner.isConnected())
    }
  },
  {
    clause: 'C25',
    title: 'does not multiply events when it stands over itself',
    async runWrapped(workshop) {
      const { plugin: inner, peer } = mockPair()
      const plugin = workshop.wrap(workshop.wrap(workshop.wrap(inner)))
      const events = recordEvents(plugin)
      const errors: unknown[] = []
      plugin.on('error', (error: unknown) => errors.push(error))
      await workshop.settle(plugin.connect())
      await workshop.settle(plugin.disconnect())
      assert.deepEqual(typesOf(events), ['connect', 'disconnect'])
      const error = new Error('conformance: failed')
      peer.fail(error)
      assert.deepEqual(errors, [error])
    }
  },
  {
    clause: 'C26',
    title: 'hands the options of connect() on as they are',
    async runWrapped(workshop) {
      const { peer, plugin } = workshop.pair()
      const seen: unknown[] = []
      peer.onConnect = (options) => {
        seen.push(options)
        return Promise.resolve()
      }
      const options: ConnectOptions & { extra: number } = { timeout: 20_000, extra: 1 }
      await workshop.settle(plugin.connect(options))
      assert.equal(seen[0], options)
    }
  },
  {
    clause: 'C26',
    title: 'connects its inner plugin when what it has stored is loaded, and not before',
    async runWrapped(workshop) {
      const { plugin: inner, peer } = mockPair()
      const loaded = deferred()
      let loading = false
      const store = new MemoryStore()
      store.get = async () => {
        loading = true
        await loaded.promise
        return undefined
      }
      const plugin = workshop.wrap(inner, { store })
      let tooEarly = false
      let done = false
      peer.onConnect = () => {
        tooEarly = loading && !done
        return Promise.resolve()
      }
      const connecting = plugin.connect()
      await turn()
      done = true
      loaded.resolve()
      await workshop.settle(connecting)
      assert.equal(tooEarly, false)
      assert.equal(plugin.isConnected(), true)
    }
  },
  {
    clause: 'C27',
    title: 'rejects disconnect() with the error of its inner plugin, and is disconnected',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      const events = recordEvents(plugin)
      const error = new Error('conformance: disconnect')
      peer.onDisconnect = () => Promise.reject(error)
      assert.equal(await failure(() => workshop.settle(plugin.disconnect()), 'disconnect'), error)
      assert.equal(plugin.isConnected(), false)
      assert.deepEqual(typesOf(events), ['disconnect'])
    }
  },
  {
    clause: 'C28',
    title: 'emits the error of its inner plugin, the same object, at once',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      const seen: unknown[] = []
      plugin.on('error', (error: unknown) => seen.push(error))
      const error = Object.freeze(new Error('conformance: failed'))
      peer.fail(error)
      assert.deepEqual(seen, [error])
      assert.equal(seen[0], error)
    }
  },
  {
    clause: 'C29',
    title: 'lets an error that nobody listens to leave through the emit of its inner plugin',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      plugin.on('connect', () => undefined)
      const error = new Error('conformance: failed')
      assert.equal(
        thrown(() => peer.fail(error), 'emitting an error that nobody listens to'),
        error
      )
    }
  },
  {
    clause: 'C29',
    title: 'throws no error that the inner plugin has a listener for',
    async runWrapped(workshop) {
      const { inner, peer } = await workshop.connectedPair()
      const seen: unknown[] = []
      inner.on('error', (error: unknown) => seen.push(error))
      const error = new Error('conformance: failed')
      peer.fail(error)
      assert.deepEqual(seen, [error])
    }
  },
  {
    clause: 'C30',
    title: 'survives a listener that throws, out of the emit of its inner plugin',
    async runWrapped(workshop) {
      const { peer, plugin } = workshop.pair()
      peer.onData = (data) => Promise.resolve(data)
      const error = new Error('conformance: listener')
      const failing = (): never => {
        throw error
      }
      plugin.on('connect', failing)
      assert.equal(
        thrown(() => peer.restore(), 'emitting to a listener that throws'),
        error
      )
      plugin.removeListener('connect', failing)
      const events = recordEvents(plugin)
      assert.deepEqual(await workshop.settle(plugin.sendData(hello)), hello)
      await workshop.settle(plugin.disconnect())
      await workshop.settle(plugin.connect())
      assert.deepEqual(typesOf(events), ['disconnect', 'connect'])
    }
  },
  {
    clause: 'C31',
    title: 'keeps few listeners on its inner plugin, however often it is wrapped',
    async runWrapped(workshop) {
      const { plugin: inner } = mockPair()
      let plugin: PluginV2 = inner
      for (let i = 0; i < 12; i++) plugin = workshop.wrap(plugin)
      recordEvents(plugin)
      plugin.on('error', () => undefined)
      await workshop.settle(plugin.connect())
      for (const name of ['connect', 'disconnect', 'error']) {
        const count = inner.listenerCount(name)
        assert.ok(count <= 10, `${count} listeners of ${name}`)
      }
    }
  },
  {
    clause: 'C32',
    title: 'emits while its inner plugin emits, but for a disconnect that it withholds',
    async runWrapped(workshop) {
      const { peer, plugin } = workshop.pair()
      const events = recordEvents(plugin)
      peer.restore()
      assert.deepEqual(typesOf(events), ['connect'])
      peer.lose()
      if (!plugin.isConnected()) assert.deepEqual(typesOf(events), ['connect', 'disconnect'])
      await turn()
    }
  }
]

/** What a plugin says of its connection agrees with what it has emitted. */
function assertConsistent(plugin: PluginV2, events: readonly RecordedEvent[], before: boolean): void {
  const last = events.at(-1)
  const told = last === undefined ? before : last.type === 'connect'
  assert.equal(plugin.isConnected(), told, `isConnected() does not agree with the last event, ${last?.type ?? 'none'}`)
}
