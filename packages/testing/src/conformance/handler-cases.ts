import assert from 'node:assert/strict'
import type { DataHandler, MoneyHandler } from '@ilp-wrap/core'
import { prepare } from '../packets.js'
import { assertPluginError, assertReject, failure, outcome, resultOf, thrown } from './checks.js'
import type { BareCase } from './case.js'

const hello = Buffer.from('hello')
const echo: DataHandler = (data) => Promise.resolve(data)
const take: MoneyHandler = () => Promise.resolve()
const noHandlers: unknown[] = [undefined, null, 'handler', {}]

/** A handler that says who has answered. */
function named(name: string): DataHandler {
  return () => Promise.resolve(Buffer.from(name))
}

export const handlerCases: readonly BareCase[] = [
  {
    clause: 'C52',
    title: 'registers a data handler, and refuses a second one',
    run({ plugin }) {
      assert.equal(
        resultOf(() => plugin.registerDataHandler(echo)),
        undefined
      )
      const error = thrown(() => plugin.registerDataHandler(echo), 'registering a second handler')
      assertPluginError(error, ['DataHandlerAlreadyRegisteredError'])
    }
  },
  {
    clause: 'C52',
    title: 'keeps the first data handler when it has refused a second one',
    needs: ['peer'],
    async run({ plugin, peer }) {
      plugin.registerDataHandler(named('first'))
      await outcome(() => plugin.registerDataHandler(named('second')))
      await plugin.connect()
      assert.equal((await peer.sendData(hello)).toString(), 'first')
    }
  },
  {
    clause: 'C53',
    title: 'deregisters a data handler that is not there, as often as it is told',
    run({ plugin }) {
      for (let i = 0; i < 3; i++)
        assert.equal(
          resultOf(() => plugin.deregisterDataHandler()),
          undefined
        )
      plugin.registerDataHandler(echo)
      for (let i = 0; i < 3; i++)
        assert.equal(
          resultOf(() => plugin.deregisterDataHandler()),
          undefined
        )
    }
  },
  {
    clause: 'C54',
    title: 'takes another data handler once the first is deregistered',
    needs: ['peer'],
    async run({ plugin, peer }) {
      plugin.registerDataHandler(named('first'))
      await plugin.connect()
      assert.equal((await peer.sendData(hello)).toString(), 'first')
      plugin.deregisterDataHandler()
      plugin.registerDataHandler(named('second'))
      assert.equal((await peer.sendData(hello)).toString(), 'second')
    }
  },
  {
    clause: 'C54',
    title: 'lets the old data handler finish what it was given',
    needs: ['peer'],
    async run(scene) {
      const { plugin, peer } = scene
      let finish: ((answer: Buffer) => void) | undefined
      plugin.registerDataHandler(
        () =>
          new Promise((resolve) => {
            finish = resolve
          })
      )
      await plugin.connect()
      const first = peer.sendData(hello)
      await scene.until(() => finish !== undefined)
      plugin.deregisterDataHandler()
      plugin.registerDataHandler(named('second'))
      assert.equal((await peer.sendData(hello)).toString(), 'second')
      finish?.(Buffer.from('first'))
      assert.equal((await first).toString(), 'first')
    }
  },
  {
    clause: 'C55',
    title: 'registers a money handler, and refuses a second one',
    run({ plugin }) {
      assert.equal(
        resultOf(() => plugin.registerMoneyHandler(take)),
        undefined
      )
      const error = thrown(() => plugin.registerMoneyHandler(take), 'registering a second handler')
      assertPluginError(error, ['MoneyHandlerAlreadyRegisteredError'])
    }
  },
  {
    clause: 'C55',
    title: 'deregisters a money handler that is not there, as often as it is told',
    run({ plugin }) {
      for (let i = 0; i < 3; i++)
        assert.equal(
          resultOf(() => plugin.deregisterMoneyHandler()),
          undefined
        )
      plugin.registerMoneyHandler(take)
      for (let i = 0; i < 3; i++)
        assert.equal(
          resultOf(() => plugin.deregisterMoneyHandler()),
          undefined
        )
    }
  },
  {
    clause: 'C55',
    title: 'takes another money handler once the first is deregistered',
    needs: ['peer', 'money'],
    async run({ plugin, peer }) {
      const seen: string[] = []
      const note = (name: string): MoneyHandler => {
        return () => {
          seen.push(name)
          return Promise.resolve()
        }
      }
      plugin.registerMoneyHandler(note('first'))
      await outcome(() => plugin.registerMoneyHandler(note('refused')))
      await plugin.connect()
      await peer.sendMoney('5')
      plugin.deregisterMoneyHandler()
      plugin.registerMoneyHandler(note('second'))
      await peer.sendMoney('5')
      assert.deepEqual(seen, ['first', 'second'])
    }
  },
  {
    clause: 'C56',
    title: 'registers no data handler that is no function',
    run({ plugin }) {
      for (const handler of noHandlers) {
        const error = thrown(() => plugin.registerDataHandler(handler as DataHandler), 'registering no function')
        assertPluginError(error, ['InvalidFieldsError', 'TypeError'])
      }
      plugin.registerDataHandler(echo)
    }
  },
  {
    clause: 'C56',
    title: 'registers no money handler that is no function',
    run({ plugin }) {
      for (const handler of noHandlers) {
        const error = thrown(() => plugin.registerMoneyHandler(handler as MoneyHandler), 'registering no function')
        assertPluginError(error, ['InvalidFieldsError', 'TypeError'])
      }
      plugin.registerMoneyHandler(take)
    }
  },
  {
    clause: 'C57',
    title: 'keeps its handlers over disconnect() and connect()',
    needs: ['peer', 'reconnect'],
    async run({ plugin, peer }) {
      plugin.registerDataHandler(named('kept'))
      await plugin.connect()
      await plugin.disconnect()
      await plugin.connect()
      assert.equal((await peer.sendData(hello)).toString(), 'kept')
    }
  },
  {
    clause: 'C57',
    title: 'keeps its handlers when it has connected again by itself',
    needs: ['peer', 'lose', 'recovers'],
    async run(scene) {
      const { plugin, peer } = scene
      plugin.registerDataHandler(named('kept'))
      await plugin.connect()
      await scene.lose()
      // a middleware may withhold the loss: then only the peer can tell when it is over
      const answers: string[] = []
      await scene.until(() => {
        peer.sendData(hello).then(
          (answer) => answers.push(answer.toString()),
          () => undefined
        )
        return answers.length > 0
      })
      assert.equal(answers[0], 'kept')
    }
  },
  {
    clause: 'C58',
    title: 'answers data with an error while it has no handler',
    needs: ['peer'],
    async run({ plugin, peer }) {
      await plugin.connect()
      await failure(() => peer.sendData(hello), 'sending to a plugin that never had a handler')
      plugin.registerDataHandler(echo)
      await peer.sendData(hello)
      plugin.deregisterDataHandler()
      await failure(() => peer.sendData(hello), 'sending to a plugin whose handler is gone')
    }
  },
  {
    clause: 'C58',
    title: 'answers a prepare with an error or a reject while it has no handler',
    needs: ['peer'],
    async run({ plugin, peer }) {
      await plugin.connect()
      const ended = await outcome(() => peer.sendData(prepare()))
      if ('value' in ended) assertReject(ended.value)
    }
  },
  {
    clause: 'C59',
    title: 'gives the data handler one argument, a Buffer',
    needs: ['peer'],
    async run({ plugin, peer }) {
      const calls: unknown[][] = []
      plugin.registerDataHandler((...args: unknown[]) => {
        calls.push(args)
        return Promise.resolve(hello)
      })
      await plugin.connect()
      await peer.sendData(hello)
      assert.deepEqual(calls, [[hello]])
      assert.ok(Buffer.isBuffer(calls[0]?.[0]), 'expected a Buffer')
    }
  },
  {
    clause: 'C60',
    title: 'tells the peer when the data handler throws or rejects, and goes on',
    needs: ['peer'],
    async run({ plugin, peer }) {
      const failing: DataHandler[] = [
        () => Promise.reject(new Error('conformance: rejected')),
        () => {
          throw new Error('conformance: thrown')
        }
      ]
      plugin.registerDataHandler((data) => failing.shift()?.(data) ?? echo(data))
      await plugin.connect()
      await failure(() => peer.sendData(hello), 'sending to a handler that rejects')
      await failure(() => peer.sendData(hello), 'sending to a handler that throws')
      assert.deepEqual(await peer.sendData(hello), hello)
    }
  },
  {
    clause: 'C60',
    title: 'tells the peer when the data handler throws what is no Error',
    needs: ['peer'],
    async run({ plugin, peer }) {
      const values: unknown[] = [undefined, null, 'text', 5]
      const { length } = values
      plugin.registerDataHandler(() => {
        throw values.shift()
      })
      await plugin.connect()
      for (let i = 0; i < length; i++) await failure(() => peer.sendData(hello), 'sending to a handler that throws')
    }
  },
  {
    clause: 'C61',
    title: 'survives a data handler that gives no Buffer',
    needs: ['peer'],
    async run({ plugin, peer }) {
      const values: unknown[] = [undefined, null, 'text', {}]
      const { length } = values
      let left = length
      plugin.registerDataHandler((data) => {
        if (left-- > 0) return values.shift() as ReturnType<DataHandler>
        return echo(data)
      })
      await plugin.connect()
      for (let i = 0; i < length; i++) await outcome(() => peer.sendData(hello))
      assert.deepEqual(await peer.sendData(hello), hello)
    }
  }
]
