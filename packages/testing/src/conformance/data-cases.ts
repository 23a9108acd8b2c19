import assert from 'node:assert/strict'
import { systemClock } from '@ilp-wrap/core'
import { fulfill, prepare, rejectPacket } from '../packets.js'
import { failure, outcome } from './checks.js'
import type { BareCase } from './case.js'

const hello = Buffer.from('hello')

/** Data that is no ILP prepare, as a plugin may be given it. */
const opaqueData: readonly Buffer[] = [
  Buffer.alloc(0),
  Buffer.from([0]),
  Buffer.from([255]),
  Buffer.from('{"json":true}'),
  Buffer.from('no packet at all'),
  ...Array.from({ length: 11 }, (_, index) => Buffer.from([index + 1, 2, 0, 0])),
  Buffer.from([12]),
  Buffer.from([12, 3, 1, 2, 3]),
  Buffer.concat([Buffer.from([12, 0x82, 0xff, 0xff]), Buffer.alloc(40, 7)]),
  prepare().subarray(0, -1),
  fulfill(),
  rejectPacket('T00'),
  Buffer.alloc(70_000, 'wide')
]

export const dataCases: readonly BareCase[] = [
  {
    clause: 'C33',
    title: 'takes a Buffer and resolves with the Buffer that the peer answered',
    needs: ['peer'],
    async run({ plugin, peer }) {
      peer.registerDataHandler((data) => Promise.resolve(Buffer.concat([data, Buffer.from(' yourself')])))
      await plugin.connect()
      const answer = await plugin.sendData(hello)
      assert.ok(Buffer.isBuffer(answer), 'expected a Buffer')
      assert.equal(answer.toString(), 'hello yourself')
    }
  },
  {
    clause: 'C33',
    title: 'carries a prepare to the peer and its fulfill back',
    needs: ['peer'],
    async run({ plugin, peer }) {
      const seen: Buffer[] = []
      const answer = fulfill({ data: Buffer.from('thanks') })
      peer.registerDataHandler((data) => {
        seen.push(data)
        return Promise.resolve(answer)
      })
      await plugin.connect()
      const packet = prepare({ amount: 10, data: hello })
      assert.deepEqual(await plugin.sendData(packet), answer)
      assert.deepEqual(seen, [packet])
    }
  },
  {
    clause: 'C37',
    title: 'sends any data byte for byte, and its answer back',
    needs: ['peer'],
    async run({ plugin, peer }) {
      const seen: Buffer[] = []
      peer.registerDataHandler((data) => {
        seen.push(data)
        return Promise.resolve(data)
      })
      await plugin.connect()
      for (const data of opaqueData) {
        assert.deepEqual(await plugin.sendData(data), data)
        assert.deepEqual(seen.pop(), data)
      }
    }
  },
  {
    clause: 'C37',
    title: 'receives any data byte for byte, and sends its answer back',
    needs: ['peer'],
    async run({ plugin, peer }) {
      const seen: Buffer[] = []
      plugin.registerDataHandler((data) => {
        seen.push(data)
        return Promise.resolve(data)
      })
      await plugin.connect()
      for (const data of opaqueData) {
        assert.deepEqual(await peer.sendData(data), data)
        assert.deepEqual(seen.pop(), data)
      }
    }
  },
  {
    clause: 'C38',
    title: 'leaves the bytes alone that it is given to send',
    needs: ['peer'],
    async run({ plugin, peer }) {
      peer.registerDataHandler(() => Promise.resolve(fulfill()))
      await plugin.connect()
      for (const data of [hello, prepare()]) {
        const given = Buffer.from(data)
        await plugin.sendData(given)
        assert.deepEqual(given, data)
      }
    }
  },
  {
    clause: 'C39',
    title: 'settles what is sent before connect()',
    async run({ plugin }) {
      await Promise.all([
        failure(() => plugin.sendData(hello), 'sending while not connected'),
        outcome(() => plugin.sendData(prepare()))
      ])
    }
  },
  {
    clause: 'C39',
    title: 'settles what is sent after disconnect()',
    async run({ plugin }) {
      await plugin.connect()
      await plugin.disconnect()
      await Promise.all([
        failure(() => plugin.sendData(hello), 'sending while not connected'),
        outcome(() => plugin.sendData(prepare()))
      ])
    }
  },
  {
    clause: 'C39',
    title: 'ends a prepare that nobody answers at its expiry',
    needs: ['peer', 'expiry'],
    async run({ plugin, peer }) {
      peer.registerDataHandler(() => new Promise(() => undefined))
      await plugin.connect()
      const expiresAt = systemClock.now() + 50
      await outcome(() => plugin.sendData(prepare({ expiresAt })))
    }
  },
  {
    clause: 'C40',
    title: 'keeps 1000 exchanges at a time apart',
    needs: ['peer'],
    async run({ plugin, peer }) {
      peer.registerDataHandler((data) => Promise.resolve(Buffer.concat([data, data])))
      await plugin.connect()
      const requests = numbered(1000)
      const answers = await Promise.all(requests.map((data) => plugin.sendData(data)))
      assert.deepEqual(
        answers,
        requests.map((data) => Buffer.concat([data, data]))
      )
    }
  },
  {
    clause: 'C40',
    title: 'sends in the order of the calls',
    needs: ['peer'],
    async run({ plugin, peer }) {
      const seen: Buffer[] = []
      peer.registerDataHandler((data) => {
        seen.push(data)
        return Promise.resolve(data)
      })
      await plugin.connect()
      const requests = numbered(100)
      await Promise.all(requests.map((data) => plugin.sendData(data)))
      assert.deepEqual(seen, requests)
    }
  },
  {
    clause: 'C41',
    title: 'gives each request its own answer when they come in another order',
    needs: ['peer'],
    async run({ plugin, peer }) {
      const requests = numbered(50)
      const answer: (() => void)[] = []
      peer.registerDataHandler(
        (data) =>
          new Promise((resolve) => {
            answer.push(() => resolve(data))
            if (answer.length === requests.length) for (const each of answer.reverse()) each()
          })
      )
      await plugin.connect()
      assert.deepEqual(await Promise.all(requests.map((data) => plugin.sendData(data))), requests)
    }
  },
  {
    clause: 'C44',
    title: 'resolves with a reject of the peer',
    needs: ['peer'],
    async run({ plugin, peer }) {
      const answer = rejectPacket({ code: 'F02', message: 'no way', triggeredBy: 'example.peer' })
      peer.registerDataHandler(() => Promise.resolve(answer))
      await plugin.connect()
      assert.deepEqual(await plugin.sendData(prepare()), answer)
    }
  },
  {
    clause: 'C44',
    title: 'sends a reject of its handler back as it is',
    needs: ['peer'],
    async run({ plugin, peer }) {
      const answer = rejectPacket({ code: 'F99', message: 'not today', data: hello })
      plugin.registerDataHandler(() => Promise.resolve(answer))
      await plugin.connect()
      assert.deepEqual(await peer.sendData(prepare()), answer)
    }
  },
  {
    clause: 'C66',
    title: 'hands data to its handler in the order in which it was sent',
    needs: ['peer'],
    async run({ plugin, peer }) {
      const seen: Buffer[] = []
      plugin.registerDataHandler((data) => {
        seen.push(data)
        return Promise.resolve(data)
      })
      await plugin.connect()
      const requests = numbered(100)
      await Promise.all(requests.map((data) => peer.sendData(data)))
      assert.deepEqual(seen, requests)
    }
  }
]

function numbered(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => Buffer.from(`request ${index}`))
}
