import { defineMiddleware, describe as describeStack, wrap } from '@ilp-wrap/core'
import type { ConnectOptions, Hooks, Listener, Middleware, PluginV2, Setup, Store } from '@ilp-wrap/core'
import { isPrepare, prepareAmount } from '@ilp-wrap/core/packet'
import { serializeIlpReject } from 'ilp-packet'
import { rejectPacket } from '../src/index.js'
import type { ConformanceOptions } from '../src/index.js'

export interface WrappedMutant {
  /** What is wrong with it. */
  readonly name: string
  readonly wrap: Middleware
  /** Its manifest, if it does what few do. */
  readonly supports?: NonNullable<ConformanceOptions['supports']>
  /** The clauses of a wrapped plugin that are to find it, and no others. */
  readonly clauses: readonly string[]
}

/** A middleware with hooks that are broken. */
function hooked(hooks: Hooks | ((setup: Setup) => Hooks)): Middleware {
  const middleware = defineMiddleware({ name: 'mutant', place: {} }, typeof hooks === 'function' ? hooks : () => hooks)
  return (plugin, context) => middleware(plugin, context)
}

type Members = Partial<Record<string, unknown>>

/** A wrapped plugin of which some members are broken. */
function patched(broken: (plugin: PluginV2, inner: PluginV2, store: Store) => Members): Middleware {
  return (inner, context) => {
    const plugin = wrap(inner, [], context)
    for (const [name, value] of Object.entries(broken(plugin, inner, context?.store as Store))) {
      Object.defineProperty(plugin, name, { value, configurable: true })
    }
    return plugin
  }
}

/** A wrapped plugin whose listeners are called in a way that is broken. */
function listening(
  broken: (listener: Listener) => Listener,
  when: (event: string) => boolean = () => true
): Middleware {
  return patched((plugin) => {
    const [on, removeListener] = [plugin.on.bind(plugin), plugin.removeListener.bind(plugin)]
    const made = new Map<Listener, Listener>()
    return {
      on(event: string, listener: Listener) {
        made.set(listener, when(event) ? broken(listener) : listener)
        on(event, made.get(listener) as Listener)
        return plugin
      },
      removeListener: (event: string, listener: Listener) => removeListener(event, made.get(listener) ?? listener)
    }
  })
}

/** Ends prepares at their expiry, as expire() does, and leaves what comes too late to nobody. */
const leakingExpiry = (hook: 'sendData' | 'handleData'): Middleware =>
  hooked(({ clock }) => ({
    [hook](data: Buffer, next: (data: Buffer) => Promise<Buffer>) {
      const answer = next(data)
      if (!isPrepare(data)) return answer
      return new Promise((resolve, reject) => {
        const timer = clock.setTimeout(() => {
          resolve(rejectPacket('R00'))
          answer.catch((error: unknown) => {
            throw error
          })
        }, 1000)
        answer.then(resolve, reject).finally(() => clock.clearTimeout(timer))
      })
    }
  }))

const textOf: (value: unknown) => string = String

export const wrappedMutants: readonly WrappedMutant[] = [
  // ------------------------------------------------------------------------------------------------------------- shape
  { name: 'has no off', wrap: patched(() => ({ off: undefined })), clauses: ['C3'] },
  {
    name: 'makes errors of its own of those of its inner plugin',
    wrap: hooked({
      sendData: (data, next) =>
        next(data).catch((error: unknown) => {
          throw error instanceof Error ? new Error(error.message) : error
        })
    }),
    clauses: ['C6', 'C34', 'C35']
  },
  {
    name: 'makes an error of its own of that of connect()',
    wrap: hooked({
      connect: (options, next) =>
        next(options).catch(() => {
          throw new Error('mutant')
        })
    }),
    clauses: ['C6', 'C9']
  },
  {
    name: 'hides the members of its inner plugin',
    wrap: patched(() => ({ getAdminInfo: undefined })),
    clauses: ['C7']
  },
  {
    name: 'adds a property that is enumerable',
    wrap: (inner, context) => {
      const plugin = wrap(inner, [], context)
      Object.defineProperty(plugin, 'middleware', { value: [], enumerable: true })
      return plugin
    },
    clauses: ['C8']
  },
  {
    name: 'prints its inner plugin',
    wrap: patched((_plugin, inner) => ({ toJSON: () => ({ ...inner }) })),
    clauses: ['C8', 'C70']
  },
  {
    name: 'wants its inner plugin to say its version',
    wrap: (inner, context) => {
      if ((inner.constructor as { version?: unknown }).version !== 2) throw new TypeError('mutant')
      return wrap(inner, [], context)
    },
    clauses: ['C78']
  },
  // -------------------------------------------------------------------------------------------------------- connection
  {
    name: 'lets what connect() throws through',
    wrap: patched((_plugin, inner) => ({ connect: (options?: ConnectOptions) => inner.connect(options) })),
    clauses: ['C9']
  },
  {
    name: 'emits errors twice',
    wrap: listening(
      (listener) =>
        (...args: unknown[]) => {
          listener(...args)
          listener(...args)
        },
      (event) => event === 'error'
    ),
    clauses: ['C25', 'C28']
  },
  {
    name: 'loses the arguments of events',
    wrap: listening(
      (listener) => () => listener(),
      (event) => event !== 'error'
    ),
    clauses: ['C25']
  },
  {
    name: 'says that it is always connected',
    wrap: patched(() => ({ isConnected: () => true })),
    clauses: ['C25', 'C27']
  },
  {
    name: 'says that it is never connected',
    wrap: patched(() => ({ isConnected: () => false })),
    clauses: ['C25', 'C26', 'C64', 'C81']
  },
  {
    name: 'copies the options of connect()',
    wrap: hooked({ connect: (options, next) => next(options === undefined ? undefined : { ...options }) }),
    clauses: ['C26']
  },
  {
    name: 'connects before it has loaded what it has stored',
    wrap: hooked(({ store }) => ({
      connect(options, next) {
        store?.get('mutant').catch(() => undefined)
        return next(options)
      }
    })),
    clauses: ['C26']
  },
  {
    name: 'swallows the error of disconnect()',
    wrap: hooked({ disconnect: (next) => next().catch(() => undefined) }),
    clauses: ['C27']
  },
  {
    name: 'makes errors of its own of those that are emitted',
    wrap: listening(
      (listener) => (error: Error) => listener(new Error(error.message)),
      (event) => event === 'error'
    ),
    clauses: ['C28']
  },
  {
    name: 'listens to errors that are none of its business',
    wrap: (inner, context) => {
      inner.on('error', () => undefined)
      return wrap(inner, [], context)
    },
    clauses: ['C29', 'C31', 'C75']
  },
  {
    name: 'throws errors that somebody else has heard',
    wrap: (inner, context) => {
      const plugin = wrap(inner, [], context)
      inner.on('error', (error) => {
        if ((plugin as unknown as { listenerCount(name: string): number }).listenerCount('error') === 0) throw error
      })
      return plugin
    },
    clauses: ['C29', 'C31', 'C75']
  },
  {
    name: 'swallows what listeners throw',
    wrap: listening((listener) => (...args: unknown[]) => {
      try {
        listener(...args)
      } catch {
        // lost
      }
    }),
    clauses: ['C30']
  },
  {
    name: 'emits in the next turn',
    wrap: listening(
      (listener) =>
        (...args: unknown[]) =>
          setImmediate(() => listener(...args))
    ),
    clauses: ['C25', 'C28', 'C30', 'C32']
  },
  // -------------------------------------------------------------------------------------------------------------- data
  {
    name: 'takes undefined that is thrown for nothing that is thrown',
    wrap: hooked({
      sendData: (data, next) =>
        next(data).catch((error: unknown) => {
          if (error === undefined) return Buffer.alloc(0)
          throw error
        })
    }),
    clauses: ['C34', 'C35']
  },
  {
    name: 'lets what sendData() throws through',
    wrap: patched((_plugin, inner) => ({ sendData: (data: Buffer) => inner.sendData(data) })),
    clauses: ['C35']
  },
  {
    name: 'does nothing more once its inner plugin has given no Buffer',
    wrap: hooked(() => {
      let dead = false
      return {
        async sendData(data, next) {
          if (dead) throw new Error('mutant')
          const answer = await next(data)
          dead = !Buffer.isBuffer(answer)
          return answer
        }
      }
    }),
    clauses: ['C36']
  },
  {
    name: 'copies answers',
    wrap: hooked({ sendData: (data, next) => next(data).then((a) => (Buffer.isBuffer(a) ? Buffer.from(a) : a)) }),
    clauses: ['C38']
  },
  {
    name: 'waits for ever while its inner plugin is away',
    wrap: hooked(({ plugin }) => ({
      sendData: (data, next) => (plugin.isConnected() ? next(data) : new Promise(() => undefined))
    })),
    clauses: ['C39']
  },
  {
    name: 'sends every second packet a little later',
    wrap: hooked(() => {
      let count = 0
      return {
        async sendData(data, next) {
          if (count++ % 2 === 0) await Promise.resolve()
          return next(data)
        }
      }
    }),
    clauses: ['C40']
  },
  {
    name: 'leaves late errors to nobody',
    wrap: leakingExpiry('sendData'),
    supports: { expiry: true },
    clauses: ['C42']
  },
  {
    name: 'sends everything twice',
    wrap: hooked({
      sendData(data, next) {
        next(data).catch(() => undefined)
        return next(data)
      }
    }),
    clauses: ['C40', 'C43']
  },
  {
    name: 'makes rejects of a code that there is not',
    wrap: hooked({
      sendData: (data, next) =>
        next(data).catch((error: unknown) => {
          if (!isPrepare(data)) throw error
          return serializeIlpReject({ code: 'X99', triggeredBy: '', message: '', data: Buffer.alloc(0) })
        })
    }),
    clauses: ['C44']
  },
  {
    name: 'makes a reject of any error',
    wrap: hooked({ sendData: (data, next) => next(data).catch(() => rejectPacket('T00')) }),
    clauses: ['C6', 'C34', 'C35', 'C45']
  },
  {
    name: 'refuses prepares of no amount',
    wrap: hooked({
      sendData: (data, next) => (prepareAmount(data) === 0n ? Promise.resolve(rejectPacket('F03')) : next(data))
    }),
    clauses: ['C46']
  },
  {
    name: 'makes a string of any amount',
    wrap: hooked({ sendMoney: (amount, next) => next(textOf(amount)) }),
    clauses: ['C48']
  },
  {
    name: 'sends money again when it failed',
    wrap: hooked({ sendMoney: (amount, next) => next(amount).catch(() => next(amount)) }),
    clauses: ['C49']
  },
  {
    name: 'sends no money while packets fail',
    wrap: hooked(() => {
      let failures = 0
      return {
        sendData: (data, next) =>
          next(data).catch((error: unknown) => {
            failures++
            throw error
          }),
        sendMoney: (amount, next) => (failures > 100 ? Promise.reject(new Error('mutant')) : next(amount))
      }
    }),
    clauses: ['C51']
  },
  // ---------------------------------------------------------------------------------------------------------- handlers
  {
    name: 'keeps its handler on the inner plugin',
    wrap: patched(() => ({ deregisterDataHandler: () => undefined })),
    clauses: ['C58', 'C70', 'C77']
  },
  {
    name: 'makes errors of its own of those of the handlers',
    wrap: hooked({
      handleData: (data, next) =>
        next(data).catch((error: unknown) => {
          throw error instanceof Error ? error : new Error(String(error))
        })
    }),
    clauses: ['C60']
  },
  {
    name: 'does nothing more once its handler has given no Buffer',
    wrap: hooked(() => {
      let dead = false
      return {
        async handleData(data, next) {
          if (dead) throw new Error('mutant')
          const answer = await next(data)
          dead = !Buffer.isBuffer(answer)
          return answer
        }
      }
    }),
    clauses: ['C61']
  },
  {
    name: 'leaves late errors of its handler to nobody',
    wrap: leakingExpiry('handleData'),
    supports: { incomingExpiry: true },
    clauses: ['C62']
  },
  {
    name: 'makes nothing of what a middleware throws',
    wrap: hooked({
      handleData: (data, next) =>
        next(data).catch((error: unknown) => {
          if (error instanceof Error && error.message.includes('middleware')) return Buffer.alloc(0)
          throw error
        })
    }),
    clauses: ['C67']
  },
  {
    name: 'overwrites the handlers of others',
    wrap: patched((plugin, inner) => {
      const register = plugin.registerDataHandler.bind(plugin)
      return {
        registerDataHandler(handler: never) {
          inner.deregisterDataHandler()
          register(handler)
        }
      }
    }),
    clauses: ['C63', 'C65', 'C77']
  },
  {
    name: 'registers its handler a little later',
    wrap: patched((plugin) => {
      const register = plugin.registerDataHandler.bind(plugin)
      return {
        registerDataHandler(handler: never) {
          queueMicrotask(() => {
            try {
              register(handler)
            } catch {
              // nobody is left to be told
            }
          })
        }
      }
    }),
    clauses: ['C58', 'C60', 'C61', 'C63', 'C64', 'C65', 'C77', 'C78']
  },
  {
    name: 'leaves it to its inner plugin to refuse a second handler',
    wrap: patched((_plugin, inner) => ({
      registerDataHandler: (handler: never) => inner.registerDataHandler(handler),
      deregisterDataHandler: () => inner.deregisterDataHandler()
    })),
    clauses: ['C65', 'C75', 'C77']
  },
  // ----------------------------------------------------------------------------------------------------------- hygiene
  {
    name: 'logs what it sends',
    wrap: hooked(({ log }) => ({
      sendData(data, next) {
        log.debug('sending %O', data)
        return next(data)
      }
    })),
    clauses: ['C70']
  },
  {
    name: 'connects, and fails to load what it has stored',
    wrap: hooked(({ store }) => ({
      connect: (options, next) =>
        next(options).then(async () => {
          await store?.get('mutant')
        })
    })),
    clauses: ['C71']
  },
  {
    name: 'leaves a listener behind',
    wrap: (inner, context) => {
      const plugin = wrap(inner, [], context)
      const { on } = inner
      Reflect.apply(on, inner, ['left behind', () => undefined])
      return plugin
    },
    clauses: ['C75']
  },
  {
    name: 'works otherwise over a wrapped plugin',
    wrap: hooked(({ plugin }) => {
      let wrapped = true
      try {
        describeStack(plugin)
      } catch {
        wrapped = false
      }
      return { sendMoney: (amount, next) => (wrapped ? next(`${amount}0`) : next(amount)) }
    }),
    clauses: ['C76']
  },
  {
    name: 'fails while somebody observes it',
    wrap: hooked(({ events }) => ({
      sendData: (data, next) => (events.observed ? Promise.reject(new Error('mutant')) : next(data))
    })),
    clauses: ['C79', 'C80']
  },
  {
    name: 'sets timers of the machine',
    wrap: hooked({
      sendData(data, next) {
        const timer = setTimeout(() => undefined, 1000)
        return next(data).finally(() => clearTimeout(timer))
      }
    }),
    clauses: ['C82']
  }
]
