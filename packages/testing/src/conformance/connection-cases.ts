import assert from 'node:assert/strict'
import { prepare } from '../packets.js'
import { assertPluginError, failure, outcome, recordEvents, typesOf } from './checks.js'
import type { BareCase } from './case.js'

const hello = Buffer.from('hello')

export const connectionCases: readonly BareCase[] = [
  {
    clause: 'C9',
    title: 'connect() returns a promise of undefined',
    async run({ plugin }) {
      const connecting: unknown = plugin.connect()
      assert.equal(typeof (connecting as { then?: unknown } | undefined)?.then, 'function', 'expected a promise')
      assert.equal(await connecting, undefined)
    }
  },
  {
    clause: 'C10',
    title: 'connects with empty options',
    async run({ plugin }) {
      await plugin.connect({})
      assert.equal(plugin.isConnected(), true)
    }
  },
  {
    clause: 'C10',
    title: 'refuses a timeout that is no number with a TypeError',
    async run({ plugin }) {
      for (const timeout of ['soon', '5000', {}, true, null, NaN]) {
        const options = { timeout } as unknown as { timeout: number }
        const error = await failure(
          () => plugin.connect(options),
          `connecting with a timeout that is a ${typeof timeout}`
        )
        assertPluginError(error, ['TypeError'])
        assert.equal(plugin.isConnected(), false)
      }
    }
  },
  {
    clause: 'C11',
    title: 'gives up connecting after its timeout',
    needs: ['silence'],
    async run(scene) {
      const { plugin } = scene
      const events = recordEvents(plugin)
      await scene.silence()
      await failure(() => plugin.connect({ timeout: 20 }), 'connecting to nobody')
      assert.equal(plugin.isConnected(), false)
      assert.deepEqual(typesOf(events), [])
    }
  },
  {
    clause: 'C11',
    title: 'takes a timeout of 0 for its default',
    async run({ plugin }) {
      await plugin.connect({ timeout: 0 })
      assert.equal(plugin.isConnected(), true)
    }
  },
  {
    clause: 'C11',
    title: 'takes a timeout of Infinity for none',
    async run({ plugin }) {
      await plugin.connect({ timeout: Infinity })
      assert.equal(plugin.isConnected(), true)
    }
  },
  {
    clause: 'C12',
    title: 'rejects connect() with a NotAcceptedError when it is refused',
    needs: ['refuse'],
    async run(scene) {
      await scene.refuse()
      assertPluginError(await failure(() => scene.plugin.connect(), 'connecting while refused'), ['NotAcceptedError'])
    }
  },
  {
    clause: 'C13',
    title: 'emits one connect per connection, without arguments',
    async run(scene) {
      const { plugin } = scene
      const events = recordEvents(plugin)
      await plugin.connect()
      await scene.quiet()
      assert.deepEqual(
        events.map(({ type, args }) => ({ type, args })),
        [{ type: 'connect', args: [] }]
      )
    }
  },
  {
    clause: 'C14',
    title: 'is connected when it emits connect',
    async run(scene) {
      const { plugin } = scene
      const events = recordEvents(plugin)
      await plugin.connect()
      await scene.until(() => events.length > 0)
      assert.equal(events[0]?.connected, true)
    }
  },
  {
    clause: 'C14',
    title: 'is not connected when it emits disconnect',
    async run(scene) {
      const { plugin } = scene
      await plugin.connect()
      const events = recordEvents(plugin)
      await plugin.disconnect()
      await scene.until(() => events.length > 0)
      assert.deepEqual(
        events.map(({ type, connected }) => ({ type, connected })),
        [{ type: 'disconnect', connected: false }]
      )
    }
  },
  {
    clause: 'C15',
    title: 'emits connect before connect() resolves',
    async run({ plugin }) {
      const events = recordEvents(plugin)
      await plugin.connect()
      assert.deepEqual(typesOf(events), ['connect'])
    }
  },
  {
    clause: 'C16',
    title: 'connect() while connected resolves and emits nothing',
    async run(scene) {
      const { plugin } = scene
      await plugin.connect()
      const events = recordEvents(plugin)
      await plugin.connect()
      await scene.quiet()
      assert.equal(plugin.isConnected(), true)
      assert.deepEqual(typesOf(events), [])
    }
  },
  {
    clause: 'C17',
    title: 'connect() while connecting resolves once it is connected, and not before',
    async run({ plugin }) {
      const connected: boolean[] = []
      const note = (): void => void connected.push(plugin.isConnected())
      await Promise.all([plugin.connect().then(note), plugin.connect().then(note)])
      assert.deepEqual(connected, [true, true])
    }
  },
  {
    clause: 'C18',
    title: 'is not connected after a failed connect()',
    needs: ['refuse'],
    async run(scene) {
      const { plugin } = scene
      const events = recordEvents(plugin)
      await scene.refuse()
      await failure(() => plugin.connect(), 'connecting while refused')
      assert.equal(plugin.isConnected(), false)
      assert.deepEqual(typesOf(events), [])
    }
  },
  {
    clause: 'C18',
    title: 'can connect after a failed connect()',
    needs: ['refuse'],
    async run(scene) {
      const { plugin } = scene
      const events = recordEvents(plugin)
      await scene.refuse()
      await outcome(() => plugin.connect())
      await scene.heal()
      await plugin.connect()
      assert.equal(plugin.isConnected(), true)
      assert.deepEqual(typesOf(events), ['connect'])
    }
  },
  {
    clause: 'C19',
    title: 'emits one disconnect when the connection is lost',
    needs: ['lose'],
    async run(scene) {
      const { plugin } = scene
      await plugin.connect()
      const events = recordEvents(plugin)
      // so that it cannot come back before anybody has looked
      if (scene.supports('refuse')) await scene.refuse()
      await scene.lose()
      await scene.until(() => events.length > 0)
      await scene.quiet()
      const [first, ...more] = events
      assert.equal(first?.type, 'disconnect')
      assert.equal(first.connected, false)
      assert.equal(typesOf(more).includes('disconnect'), false, 'expected one disconnect')
    }
  },
  {
    clause: 'C19',
    title: 'emits connect again when it has connected again by itself',
    needs: ['lose', 'recovers', 'peer'],
    async run(scene) {
      const { plugin, peer } = scene
      peer.registerDataHandler((data) => Promise.resolve(data))
      await plugin.connect()
      const events = recordEvents(plugin)
      await scene.lose()
      await scene.until(() => plugin.isConnected())
      // a loss that a middleware has withheld is none; then it works as if nothing had been
      if (events.length > 0) {
        await scene.until(() => events.length > 1)
        assert.deepEqual(
          events.map(({ type, connected }) => ({ type, connected })),
          [
            { type: 'disconnect', connected: false },
            { type: 'connect', connected: true }
          ]
        )
      }
      // the peer may take a little longer to be back
      await scene.until(async () => 'value' in (await outcome(() => plugin.sendData(hello))))
    }
  },
  {
    clause: 'C20',
    title: 'disconnect() returns a promise of undefined',
    async run({ plugin }) {
      await plugin.connect()
      const disconnecting: unknown = plugin.disconnect()
      assert.equal(typeof (disconnecting as { then?: unknown } | undefined)?.then, 'function', 'expected a promise')
      assert.equal(await disconnecting, undefined)
      assert.equal(plugin.isConnected(), false)
    }
  },
  {
    clause: 'C20',
    title: 'disconnect() before any connect() resolves and emits nothing',
    async run(scene) {
      const { plugin } = scene
      const events = recordEvents(plugin)
      await plugin.disconnect()
      await scene.quiet()
      assert.deepEqual(typesOf(events), [])
    }
  },
  {
    clause: 'C20',
    title: 'a second disconnect() resolves and emits nothing',
    async run(scene) {
      const { plugin } = scene
      await plugin.connect()
      const events = recordEvents(plugin)
      await plugin.disconnect()
      await plugin.disconnect()
      await scene.quiet()
      assert.deepEqual(typesOf(events), ['disconnect'])
    }
  },
  {
    clause: 'C21',
    title: 'disconnect() ends a connect() that is under way',
    async run(scene) {
      const { plugin } = scene
      const connecting = outcome(() => plugin.connect())
      await plugin.disconnect()
      await connecting
      await scene.quiet()
      assert.equal(plugin.isConnected(), false)
    }
  },
  {
    clause: 'C21',
    title: 'disconnect() ends a connect() that nobody answers',
    needs: ['silence'],
    async run(scene) {
      const { plugin } = scene
      await scene.silence()
      const connecting = outcome(() => plugin.connect({ timeout: Infinity }))
      await scene.quiet()
      await plugin.disconnect()
      await connecting
      assert.equal(plugin.isConnected(), false)
    }
  },
  {
    clause: 'C22',
    title: 'connects again after disconnect(), with events as before',
    needs: ['reconnect'],
    async run({ plugin }) {
      const events = recordEvents(plugin)
      await plugin.connect()
      await plugin.disconnect()
      await plugin.connect()
      assert.equal(plugin.isConnected(), true)
      assert.deepEqual(typesOf(events), ['connect', 'disconnect', 'connect'])
    }
  },
  {
    clause: 'C23',
    title: 'isConnected() is a boolean at all times',
    async run({ plugin }) {
      assert.equal(plugin.isConnected(), false)
      const connecting = plugin.connect()
      assert.equal(typeof plugin.isConnected(), 'boolean')
      await connecting
      assert.equal(plugin.isConnected(), true)
      const disconnecting = plugin.disconnect()
      assert.equal(typeof plugin.isConnected(), 'boolean')
      await disconnecting
      assert.equal(plugin.isConnected(), false)
    }
  },
  {
    clause: 'C24',
    title: 'settles what was sent before disconnect()',
    needs: ['peer'],
    async run(scene) {
      const { plugin, peer } = scene
      let arrived = 0
      peer.registerDataHandler(() => {
        arrived++
        return new Promise(() => undefined)
      })
      await plugin.connect()
      const sending = [hello, prepare()].map((data) => outcome(() => plugin.sendData(data)))
      await scene.until(() => arrived === sending.length)
      await plugin.disconnect()
      await Promise.all(sending)
    }
  },
  {
    clause: 'C24',
    title: 'calls no handler after disconnect()',
    needs: ['peer'],
    async run(scene) {
      const { plugin, peer } = scene
      let calls = 0
      plugin.registerDataHandler((data) => {
        calls++
        return Promise.resolve(data)
      })
      await plugin.connect()
      await plugin.disconnect()
      // whatever becomes of it: it does not arrive
      peer.sendData(hello).catch(() => undefined)
      await scene.quiet()
      assert.equal(calls, 0)
    }
  }
]
