import assert from 'node:assert/strict'
import { failure, outcome } from './checks.js'
import type { BareCase } from './case.js'

/** Settlements are no packets: their amounts may exceed a UInt64. */
const amounts = ['1', '1000000', '18446744073709551615', '18446744073709551616', '9'.repeat(40)]

export const moneyCases: readonly BareCase[] = [
  {
    clause: 'C47',
    title: 'sends money of any amount above zero, and resolves with undefined',
    needs: ['peer', 'money'],
    async run({ plugin, peer }) {
      const seen: string[] = []
      peer.registerMoneyHandler((amount) => {
        seen.push(amount)
        return Promise.resolve()
      })
      await plugin.connect()
      for (const amount of amounts) {
        assert.deepEqual(await outcome(() => plugin.sendMoney(amount)), { value: undefined })
      }
      assert.deepEqual(seen, amounts)
    }
  },
  {
    clause: 'C47',
    title: 'receives money of any amount above zero',
    needs: ['peer', 'money'],
    async run({ plugin, peer }) {
      const seen: string[] = []
      plugin.registerMoneyHandler((amount) => {
        seen.push(amount)
        return Promise.resolve()
      })
      await plugin.connect()
      for (const amount of amounts) await peer.sendMoney(amount)
      assert.deepEqual(seen, amounts)
    }
  },
  {
    clause: 'C49',
    title: 'does not resolve sendMoney() when the money cannot have moved',
    needs: ['money'],
    async run({ plugin }) {
      await failure(() => plugin.sendMoney('5'), 'sending money while not connected')
    }
  },
  {
    clause: 'C58',
    title: 'does not take money without a handler',
    needs: ['peer', 'money'],
    async run({ plugin, peer }) {
      await plugin.connect()
      await failure(() => peer.sendMoney('5'), 'sending money to a plugin without a handler')
    }
  },
  {
    clause: 'C59',
    title: 'gives the money handler one argument, a string',
    needs: ['peer', 'money'],
    async run({ plugin, peer }) {
      const calls: unknown[][] = []
      plugin.registerMoneyHandler((...args: unknown[]) => {
        calls.push(args)
        return Promise.resolve()
      })
      await plugin.connect()
      await peer.sendMoney('5')
      assert.deepEqual(calls, [['5']])
    }
  },
  {
    clause: 'C60',
    title: 'tells the peer when the money handler fails',
    needs: ['peer', 'money'],
    async run({ plugin, peer }) {
      let fail = true
      plugin.registerMoneyHandler(() => (fail ? Promise.reject(new Error('conformance: no')) : Promise.resolve()))
      await plugin.connect()
      await failure(() => peer.sendMoney('5'), 'sending money that the handler refuses')
      fail = false
      assert.deepEqual(await outcome(() => peer.sendMoney('5')), { value: undefined })
    }
  }
]
