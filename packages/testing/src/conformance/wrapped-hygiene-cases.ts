import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { connected$, events, unwrap, wrap } from '@ilp-wrap/core'
import type { PluginV2 } from '@ilp-wrap/core'
import { MockPlugin, mockPair } from '../mock-pair.js'
import type { MockPeer } from '../mock-pair.js'
import { fulfill, rejectPacket } from '../packets.js'
import { MemoryStore } from '../services.js'
import { outcome, recordEvents, sleep, typesOf } from './checks.js'
import type { WrappedCase } from './case.js'
import type { Workshop } from './workshop.js'

const hello = Buffer.from('hello')

export const wrappedHygieneCases: readonly WrappedCase[] = [
  {
    clause: 'C70',
    title: 'writes no secret into the log, nor into what is printed of it',
    async runWrapped(workshop) {
      const canary = 'canary-5f3a91c07be24d68'
      class SecretivePlugin extends MockPlugin {
        _options = { server: `btp+wss://:${canary}@example.com`, auth_token: canary }
      }
      const inner = new SecretivePlugin()
      const { peer } = inner
      const plugin = await workshop.connected(inner)
      const fulfillment = Buffer.from(canary.padEnd(32, '-'))
      const answers = [
        () => Promise.resolve(fulfill({ fulfillment, data: Buffer.from(canary) })),
        () => Promise.resolve(rejectPacket({ code: 'F99', data: Buffer.from(canary) })),
        () => Promise.reject(new Error('conformance: thrown'))
      ]
      for (const answer of answers) {
        peer.onData = answer
        plugin.registerDataHandler(answer)
        const packet = workshop.prepare({ fulfillment, data: Buffer.from(canary) })
        for (const data of [packet, Buffer.from(canary)]) {
          await outcome(() => workshop.settle(plugin.sendData(data)))
          await outcome(() => workshop.settle(peer.sendData(data)))
        }
        plugin.deregisterDataHandler()
      }
      await workshop.settle(plugin.disconnect())
      const printed = [...workshop.log.lines, JSON.stringify(plugin), inspect(plugin, { depth: 10 })]
      for (const text of printed) {
        // the bytes of a Buffer are printed with spaces between them
        const compact = text.replaceAll(' ', '')
        for (const encoding of ['utf8', 'hex', 'base64'] as const) {
          assert.equal(compact.includes(Buffer.from(canary).toString(encoding)), false, `a secret is in: ${text}`)
        }
      }
    }
  },
  {
    clause: 'C71',
    title: 'survives a store that fails',
    async runWrapped(workshop) {
      const store = new MemoryStore()
      const fail = (): Promise<never> => Promise.reject(new Error('conformance: store'))
      Object.assign(store, { get: fail, put: fail, del: fail })
      const { plugin: inner, peer } = mockPair()
      peer.onData = (data) => Promise.resolve(data)
      const plugin = workshop.wrap(inner, { store })
      const connecting = await outcome(() => workshop.settle(plugin.connect()))
      if ('error' in connecting) assert.equal(inner.isConnected(), false, 'connected without what it has stored')
      else assert.deepEqual(await workshop.settle(plugin.sendData(hello)), hello)
    }
  },
  {
    clause: 'C75',
    title: 'leaves its inner plugin as it was once it is unwrapped',
    async runWrapped(workshop) {
      const { plugin: inner, peer } = mockPair()
      inner.on('connect', () => undefined)
      peer.onData = (data) => Promise.resolve(data)
      const before = listenersOf(inner)
      const plugin = workshop.wrap(inner)
      recordEvents(plugin)
      plugin.on('error', () => undefined)
      plugin.on('other', () => undefined)
      plugin.registerDataHandler((data) => Promise.resolve(data))
      plugin.registerMoneyHandler(() => Promise.resolve())
      await workshop.settle(plugin.connect())
      await workshop.settle(plugin.sendData(hello))
      await workshop.settle(plugin.disconnect())
      assert.equal(unwrap(plugin), inner)
      assert.deepEqual(listenersOf(inner), before)
      assert.deepEqual([inner.dataHandler, inner.moneyHandler], [undefined, undefined])
    }
  },
  {
    clause: 'C76',
    title: 'behaves the same wrapped once more, from within and from without',
    async runWrapped(workshop) {
      const expiresAt = workshop.clock.now() + 3_600_000
      const plain = await trace(workshop, expiresAt, (inner) => workshop.wrap(inner))
      assert.deepEqual(await trace(workshop, expiresAt, (inner) => workshop.wrap(wrap(inner, []))), plain)
      assert.deepEqual(await trace(workshop, expiresAt, (inner) => wrap(workshop.wrap(inner), [])), plain)
    }
  },
  {
    clause: 'C79',
    title: 'is not disturbed by observers that throw',
    async runWrapped(workshop) {
      const { peer, plugin } = workshop.pair()
      const failing = (): never => {
        throw new Error('conformance: observer')
      }
      const subscriptions = [events(plugin).subscribe(failing), connected$(plugin).subscribe(failing)]
      await exchange(workshop, plugin, peer)
      for (const subscription of subscriptions) subscription.unsubscribe()
      // an observer's throw that RxJS reports comes with a timer
      await sleep(1)
    }
  },
  {
    clause: 'C80',
    title: 'does not wait for observers',
    async runWrapped(workshop) {
      const { peer, plugin } = workshop.pair()
      const forever = (): Promise<void> => new Promise(() => undefined)
      // eslint-disable-next-line @typescript-eslint/no-misused-promises -- nobody is to wait for it
      const subscription = events(plugin).subscribe(forever)
      await exchange(workshop, plugin, peer)
      subscription.unsubscribe()
    }
  },
  {
    clause: 'C81',
    title: 'tells who subscribes late its connection, and no packets that are past',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      peer.onData = () => Promise.resolve(fulfill())
      await workshop.settle(plugin.sendData(workshop.prepare()))
      const seen: unknown[] = []
      const past = events(plugin).subscribe((event) => seen.push(event))
      assert.deepEqual(seen, [])
      const states: boolean[] = []
      const present = connected$(plugin).subscribe((connected) => states.push(connected))
      await workshop.settle(plugin.disconnect())
      assert.deepEqual(states, [true, false])
      past.unsubscribe()
      present.unsubscribe()
    }
  },
  {
    clause: 'C82',
    title: 'lives by the clock that it is given',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      const before = timers()
      const sending = [hello, workshop.prepare()].map((data) => outcome(() => plugin.sendData(data)))
      await peer.request()
      await peer.request()
      assert.ok(timers() <= before, 'it has set a timer of the machine')
      await workshop.settle(plugin.disconnect())
      // nobody answers: what waits is let go with the case
      void Promise.all(sending)
    }
  }
]

/** All that a plugin is for, once. */
async function exchange(workshop: Workshop, plugin: PluginV2, peer: MockPeer): Promise<void> {
  peer.onData = (data) => Promise.resolve(data)
  plugin.registerDataHandler((data) => Promise.resolve(data))
  await workshop.settle(plugin.connect())
  assert.deepEqual(await workshop.settle(plugin.sendData(hello)), hello)
  assert.deepEqual(await workshop.settle(peer.sendData(hello)), hello)
  peer.onData = () => Promise.resolve(fulfill())
  assert.deepEqual(await workshop.settle(plugin.sendData(workshop.prepare())), fulfill())
  await workshop.settle(plugin.disconnect())
}

/** What a plugin does, as host and peer see it, over a life of all that may happen. */
async function trace(workshop: Workshop, expiresAt: number, make: (inner: MockPlugin) => PluginV2): Promise<unknown[]> {
  const { plugin: inner, peer } = mockPair()
  const plugin = make(inner)
  const log: unknown[] = []
  const host = recordEvents(plugin)
  answerAll(peer, log)
  plugin.registerDataHandler((data) => {
    log.push('received', data)
    return Promise.resolve(fulfill())
  })
  plugin.registerMoneyHandler((amount) => {
    log.push('paid', amount)
    return Promise.resolve()
  })
  await workshop.settle(plugin.connect())
  const packets = ['fulfill', 'F02', 'throw'].map((text) => workshop.prepare({ expiresAt, data: Buffer.from(text) }))
  for (const data of [hello, ...packets]) {
    log.push(await outcome(() => workshop.settle(plugin.sendData(data))))
    log.push(await outcome(() => workshop.settle(peer.sendData(data))))
  }
  log.push(await outcome(() => workshop.settle(plugin.sendMoney('5'))))
  log.push(await outcome(() => workshop.settle(peer.sendMoney('7'))))
  await workshop.settle(plugin.disconnect())
  log.push(plugin.isConnected(), ...typesOf(host))
  return log
}

function answerAll(peer: MockPeer, log: unknown[]): void {
  const error = new Error('conformance: thrown')
  peer.onData = (data) => {
    log.push('sent', data)
    if (data.includes('F02')) return Promise.resolve(rejectPacket('F02'))
    return data.includes('throw') ? Promise.reject(error) : Promise.resolve(fulfill())
  }
  peer.onMoney = (amount) => {
    log.push('sent money', amount)
    return Promise.resolve()
  }
}

function listenersOf(plugin: MockPlugin): unknown[] {
  return plugin.eventNames().map((name) => [name, plugin.listeners(name)])
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}
