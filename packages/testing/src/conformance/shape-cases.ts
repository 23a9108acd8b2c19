import assert from 'node:assert/strict'
import { assertPluginError, failure, outcome, thrown } from './checks.js'
import type { BareCase } from './case.js'

const METHODS = [
  'connect',
  'disconnect',
  'isConnected',
  'sendData',
  'sendMoney',
  'registerDataHandler',
  'deregisterDataHandler',
  'registerMoneyHandler',
  'deregisterMoneyHandler'
] as const

export const shapeCases: readonly BareCase[] = [
  {
    clause: 'C1',
    title: 'has the version 2 on its constructor',
    run({ plugin }) {
      assert.equal((plugin.constructor as { version?: unknown }).version, 2)
    }
  },
  {
    clause: 'C2',
    title: 'has the methods of the interface',
    run({ plugin }) {
      for (const name of METHODS) assert.equal(typeof plugin[name], 'function', `\`${name}\` is no function`)
    }
  },
  {
    clause: 'C3',
    title: 'is an event emitter',
    run({ plugin }) {
      const seen: unknown[] = []
      const listener = (...args: unknown[]): void => void seen.push(...args)
      plugin.on('conformance', listener)
      plugin.once('conformance', listener)
      plugin.emit('conformance', 1)
      plugin.emit('conformance', 2)
      plugin.removeListener('conformance', listener)
      plugin.emit('conformance', 3)
      assert.deepEqual(seen, [1, 1, 2])
    }
  },
  {
    clause: 'C4',
    title: 'is not made of options or services that are no objects',
    needs: ['build'],
    run({ build }) {
      for (const options of [undefined, null, 'options', 5]) {
        const error = thrown(() => build.construct(options), `constructing with ${String(options)}`)
        assertPluginError(error, ['TypeError'])
      }
      for (const services of [null, 'services', 5]) {
        const error = thrown(() => build.construct(build.options, services), `services that are ${String(services)}`)
        assertPluginError(error, ['TypeError'])
      }
    }
  },
  {
    clause: 'C4',
    title: 'is not made of bad options',
    needs: ['build'],
    run({ build }) {
      const error = thrown(() => build.construct(build.badOptions), 'constructing with bad options')
      assertPluginError(error, ['InvalidFieldsError'])
    }
  },
  {
    clause: 'C5',
    title: 'is made without services, or says which it needs',
    needs: ['build'],
    async run({ build }) {
      const made = await outcome(() => build.construct(build.options))
      if ('error' in made) assertPluginError(made.error, ['InvalidServicesError'])
    }
  },
  {
    clause: 'C6',
    title: 'throws errors of a class of their own name, with a stack, that can be printed',
    async run({ plugin }) {
      const handler = (data: Buffer): Promise<Buffer> => Promise.resolve(data)
      plugin.registerDataHandler(handler)
      assertPluginError(thrown(() => plugin.registerDataHandler(handler), 'registering twice'))
      assertPluginError(await failure(() => plugin.sendData(Buffer.from('hello')), 'sending while not connected'))
    }
  }
]
