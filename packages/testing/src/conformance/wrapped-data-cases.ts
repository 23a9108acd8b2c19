import assert from 'node:assert/strict'
import { UnreachableError } from '@ilp-wrap/core'
import { rejectMessage } from '@ilp-wrap/core/packet'
import { MockPlugin } from '../mock-pair.js'
import { fulfill, rejectPacket } from '../packets.js'
import { assertReject, failure, outcome } from './checks.js'
import type { WrappedCase } from './case.js'

const hello = Buffer.from('hello')
const values: readonly unknown[] = [undefined, null, 'text', 5, Object.freeze(new Error('conformance: frozen'))]

export const wrappedDataCases: readonly WrappedCase[] = [
  {
    clause: 'C34',
    title: 'rejects with whatever its inner plugin rejects with, undefined included',
    async runWrapped(workshop) {
      for (const value of values) {
        const { peer, plugin } = await workshop.connectedPair()
        peer.onData = rejecting(value)
        peer.onMoney = rejecting(value)
        assert.equal(await failure(() => workshop.settle(plugin.sendData(hello)), 'sendData'), value)
        assert.equal(await failure(() => workshop.settle(plugin.sendMoney('5')), 'sendMoney'), value)
      }
    }
  },
  {
    clause: 'C35',
    title: 'makes a rejection of what its inner plugin throws',
    async runWrapped(workshop) {
      for (const value of values) {
        class ThrowingPlugin extends MockPlugin {
          override sendData(): never {
            throw value
          }
          override sendMoney(): never {
            throw value
          }
        }
        const plugin = await workshop.connected(new ThrowingPlugin())
        for (const call of [() => plugin.sendData(hello), () => plugin.sendMoney('5')]) {
          let made: Promise<unknown> | undefined
          assert.doesNotThrow(() => {
            made = call()
          })
          assert.equal(await failure(() => workshop.settle(made as Promise<unknown>), 'the call'), value)
        }
      }
    }
  },
  {
    clause: 'C36',
    title: 'survives an inner plugin that resolves with no Buffer',
    async runWrapped(workshop) {
      for (const value of [undefined, null, 'text', {}]) {
        const { peer, plugin } = await workshop.connectedPair()
        peer.onData = () => Promise.resolve(value as never)
        const ended = await outcome(() => workshop.settle(plugin.sendData(hello)))
        if ('value' in ended) assert.equal(ended.value, value)
        await outcome(() => workshop.settle(plugin.sendData(workshop.prepare())))
        peer.onData = (data) => Promise.resolve(data)
        assert.deepEqual(await workshop.settle(plugin.sendData(hello)), hello)
      }
    }
  },
  {
    clause: 'C38',
    title: 'gives the very answer of its inner plugin',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      for (const [data, answer] of [
        [hello, Buffer.from('hello yourself')],
        [workshop.prepare(), fulfill()],
        [workshop.prepare({ amount: 2 }), rejectPacket('F02')]
      ] as const) {
        peer.onData = () => Promise.resolve(answer)
        assert.equal(await workshop.settle(plugin.sendData(data)), answer)
      }
    }
  },
  {
    clause: 'C39',
    title: 'settles what is sent while its inner plugin is away',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      peer.onConnect = () => Promise.reject(new UnreachableError('conformance: away'))
      peer.lose()
      await Promise.all([
        outcome(() => workshop.settle(plugin.sendData(hello))),
        outcome(() => workshop.settle(plugin.sendData(workshop.prepare())))
      ])
    }
  },
  {
    clause: 'C40',
    title: 'calls its inner plugin in the order in which it is called',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      const seen: Buffer[] = []
      peer.onData = (data) => {
        seen.push(data)
        return Promise.resolve(fulfill())
      }
      const packets = Array.from({ length: 200 }, (_, i) => workshop.prepare({ data: Buffer.from(String(i)) }))
      await workshop.settle(Promise.all(packets.map((packet) => plugin.sendData(packet))))
      assert.deepEqual(seen, packets)
    }
  },
  {
    clause: 'C42',
    title: 'swallows an answer that comes after it has ended a prepare',
    needs: ['expiry'],
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      const sending = ['fulfill', 'throw'].map((data) =>
        outcome(() => workshop.settle(plugin.sendData(workshop.prepare({ data: Buffer.from(data) }))))
      )
      const requests = [await peer.request(), await peer.request()]
      await Promise.all(sending)
      requests[0]?.fulfill()
      requests[1]?.throw(new Error('conformance: late'))
    }
  },
  {
    clause: 'C43',
    title: 'calls its inner plugin once for each packet that is answered',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      let calls = 0
      for (const [data, answer] of [
        [hello, hello],
        [workshop.prepare(), fulfill()],
        [workshop.prepare({ amount: 2 }), rejectPacket('F02')]
      ] as const) {
        peer.onData = () => {
          calls++
          return Promise.resolve(answer)
        }
        await workshop.settle(plugin.sendData(data))
      }
      assert.equal(calls, 3)
    }
  },
  {
    clause: 'C44',
    title: 'makes valid rejects, where it makes any',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      const endings = [
        () => Promise.reject(new Error('conformance: thrown')),
        () => Promise.resolve(Buffer.from('no answer to a prepare')),
        () => Promise.resolve(fulfill({ fulfillment: Buffer.alloc(32, 9) }))
      ]
      for (const [amount, end] of endings.entries()) {
        peer.onData = end
        const ended = await outcome(() => workshop.settle(plugin.sendData(workshop.prepare({ amount }))))
        if (!('value' in ended) || ended.value[0] !== 14) continue
        assertReject(ended.value)
        assert.ok(Buffer.byteLength(rejectMessage(ended.value) as string) <= 8191, 'its message is too long')
      }
    }
  },
  {
    clause: 'C45',
    title: 'never answers with a reject what is no prepare',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      peer.onData = () => Promise.reject(new Error('conformance: thrown'))
      plugin.registerDataHandler(() => Promise.reject(new Error('conformance: thrown')))
      for (let i = 0; i < 200; i++) {
        const data = Buffer.from(`no prepare ${i}`)
        for (const send of [() => plugin.sendData(data), () => peer.sendData(data)]) {
          const error = await failure(() => workshop.settle(send()), 'sending to who throws')
          assert.ok(error instanceof Error)
        }
      }
    }
  },
  {
    clause: 'C46',
    title: 'lets prepares of no amount, and those between peers, through',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      const answer = fulfill()
      peer.onData = () => Promise.resolve(answer)
      plugin.registerDataHandler(() => Promise.resolve(answer))
      for (let i = 0; i < 50; i++) {
        for (const destination of ['example.receiver', 'peer.config']) {
          const packet = workshop.prepare({ amount: 0, destination, data: Buffer.from(String(i)) })
          assert.deepEqual(await workshop.settle(plugin.sendData(packet)), answer)
          assert.deepEqual(await workshop.settle(peer.sendData(packet)), answer)
        }
      }
    }
  },
  {
    clause: 'C48',
    title: 'hands an amount on as it is, or refuses it itself',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      const seen: unknown[] = []
      peer.onMoney = (amount) => {
        seen.push(amount)
        return Promise.resolve()
      }
      const amounts = [undefined, null, 5, {}, '', '-1', '1.5', '1e3', ' 1', '01', 'NaN'] as unknown as string[]
      for (const amount of amounts) {
        const ended = await outcome(() => workshop.settle(plugin.sendMoney(amount)))
        if (seen.length > 0) {
          assert.equal(seen.pop(), amount)
          continue
        }
        assert.ok('error' in ended && ended.error instanceof Error, `${amount} went nowhere`)
        assert.ok(['TypeError', 'InvalidFieldsError'].includes(ended.error.name), String(ended.error))
      }
      for (const amount of ['0', '18446744073709551616']) {
        await workshop.settle(plugin.sendMoney(amount))
        assert.equal(seen.pop(), amount)
      }
    }
  },
  {
    clause: 'C49',
    title: 'sends money once, whatever becomes of it',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      let calls = 0
      for (const end of [
        () => Promise.resolve(),
        () => Promise.reject(new Error('conformance: unknown')),
        () => Promise.reject(Object.assign(new Error('conformance: refused'), { name: 'MoneyNotSentError' }))
      ]) {
        peer.onMoney = () => {
          calls++
          return end()
        }
        await outcome(() => workshop.settle(plugin.sendMoney('5')))
      }
      await workshop.clock.advance(60_000)
      assert.equal(calls, 3)
    }
  },
  {
    clause: 'C51',
    title: 'sends money however packets fare',
    async runWrapped(workshop) {
      const { peer, plugin } = await workshop.connectedPair()
      let paid = 0
      peer.onData = () => Promise.reject(new Error('conformance: thrown'))
      peer.onMoney = () => {
        paid++
        return Promise.resolve()
      }
      const packets = Array.from({ length: 200 }, (_, i) => workshop.prepare({ data: Buffer.from(String(i)) }))
      await Promise.all(packets.map((packet) => outcome(() => workshop.settle(plugin.sendData(packet)))))
      const payments = Array.from({ length: 200 }, () => plugin.sendMoney('5'))
      await workshop.settle(Promise.all(payments))
      assert.equal(paid, 200)
    }
  }
]

function rejecting(value: unknown): () => Promise<never> {
  return () => Promise.reject(value)
}
