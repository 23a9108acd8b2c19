import assert from 'node:assert/strict'
import { MockPlugin } from '../mock-pair.js'
import { emitter2Plugin, frozenPlugin, proxiedPlugin, unversionedPlugin } from '../variants.js'
import { failure, thrown } from './checks.js'
import type { WrappedCase } from './case.js'

const hello = Buffer.from('hello')

/** What such a plugin shows of itself. */
interface Rich {
  readonly _account: string
  state: string
  readonly later?: number
  readonly nowhere?: unknown
  getAdminInfo(): Promise<unknown>
  sendAdminInfo(info: { secret: string }): unknown
}

/** An inner plugin with more than the interface asks for. */
class RichPlugin extends MockPlugin implements Rich {
  #secret = 'secret'
  _account = 'example.account'

  get state(): string {
    return this.#secret
  }

  set state(value: string) {
    this.#secret = value
  }

  getAdminInfo(): Promise<unknown> {
    return Promise.resolve({ secret: this.#secret })
  }

  sendAdminInfo(info: { secret: string }): this {
    this.#secret = info.secret
    return this
  }
}

export const wrappedShapeCases: readonly WrappedCase[] = [
  {
    clause: 'C3',
    title: 'has the other methods of its inner emitter',
    runWrapped(workshop) {
      const { plugin } = workshop.pair()
      for (const name of ['off', 'addListener', 'listenerCount', 'removeAllListeners', 'prependListener']) {
        assert.equal(typeof (plugin as unknown as Record<string, unknown>)[name], 'function', `no \`${name}\``)
      }
    }
  },
  {
    clause: 'C6',
    title: 'passes errors of its inner plugin on as they are, untouched',
    async runWrapped(workshop) {
      const { plugin, peer } = await workshop.connectedPair()
      const data = Object.freeze(new Error('conformance: data'))
      const money = Object.freeze(new Error('conformance: money'))
      peer.onData = () => Promise.reject(data)
      peer.onMoney = () => Promise.reject(money)
      assert.equal(await failure(() => workshop.settle(plugin.sendData(hello)), 'sendData'), data)
      assert.equal(await failure(() => workshop.settle(plugin.sendMoney('5')), 'sendMoney'), money)
    }
  },
  {
    clause: 'C6',
    title: 'passes the error of a failed connect() on as it is, untouched',
    async runWrapped(workshop) {
      const { plugin, peer } = workshop.pair()
      const error = Object.freeze(new Error('conformance: connect'))
      peer.onConnect = () => Promise.reject(error)
      assert.equal(await failure(() => workshop.settle(plugin.connect()), 'connect'), error)
    }
  },
  {
    clause: 'C7',
    title: 'shows the other members of its inner plugin, and leaves them their `this`',
    async runWrapped(workshop) {
      const inner = new RichPlugin()
      const plugin = workshop.wrap(inner) as unknown as Rich
      assert.equal(plugin._account, 'example.account')
      assert.equal(plugin.state, 'secret')
      assert.deepEqual(await plugin.getAdminInfo(), { secret: 'secret' })
      plugin.sendAdminInfo({ secret: 'new' })
      assert.equal(inner.state, 'new')
      plugin.state = 'newer'
      assert.equal(inner.state, 'newer')
      ;(inner as unknown as { later: number }).later = 5
      assert.equal(plugin.later, 5)
      assert.equal(plugin.nowhere, undefined)
    }
  },
  {
    clause: 'C8',
    title: 'has no enumerable properties of its own',
    runWrapped(workshop) {
      const { plugin } = workshop.pair()
      const seen: string[] = []
      // inherited ones count, too
      for (const name in plugin) seen.push(name)
      assert.deepEqual(seen, [])
    }
  },
  {
    clause: 'C8',
    title: 'can be printed as JSON, without what its inner plugin holds',
    runWrapped(workshop) {
      const plugin = workshop.wrap(new RichPlugin())
      const text = JSON.stringify({ plugin })
      assert.equal(text.includes('example.account'), false, `${text} shows a field of the inner plugin`)
    }
  },
  {
    clause: 'C78',
    title: 'works over an inner plugin that is an EventEmitter2, frozen, a Proxy, or without a version',
    async runWrapped(workshop) {
      for (const vary of [emitter2Plugin, frozenPlugin, proxiedPlugin, unversionedPlugin]) {
        const mock = new MockPlugin()
        const plugin = workshop.wrap(vary(mock))
        const seen: string[] = []
        for (const type of ['connect', 'disconnect']) plugin.on(type, () => seen.push(type))
        await workshop.settle(plugin.connect())
        mock.peer.onData = (data) => Promise.resolve(data)
        plugin.registerDataHandler((data) => Promise.resolve(data))
        assert.deepEqual(await workshop.settle(plugin.sendData(hello)), hello, vary.name)
        assert.deepEqual(await workshop.settle(mock.peer.sendData(hello)), hello, vary.name)
        thrown(() => plugin.registerDataHandler((data) => Promise.resolve(data)), `${vary.name}: registering twice`)
        await workshop.settle(plugin.disconnect())
        assert.deepEqual(seen, ['connect', 'disconnect'], vary.name)
      }
    }
  }
]
