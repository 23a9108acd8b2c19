import { InvalidFieldsError } from '@ilp-wrap/core'
import type { ConnectOptions, DataHandler, MoneyHandler } from '@ilp-wrap/core'
import { prepareAmount } from '@ilp-wrap/core/packet'
import { fulfill } from '../src/index.js'
import type { Build, PeerPlugin, ReferencePlugin } from '../src/index.js'

/** What the reference factory makes, open to be broken. */
export interface Patient {
  readonly plugin: ReferencePlugin
  readonly peer: PeerPlugin
  network: { lose: () => void; refuse: () => void; silence: () => void; heal: () => void }
  build: Build
}

export interface Mutant {
  /** What is wrong with it. */
  readonly name: string
  readonly breaks: (patient: Patient) => void
  /** Whether its manifest says that it ends prepares at their expiry. */
  readonly expiry?: boolean
  /** The clauses that are to find it, and no others. */
  readonly clauses: readonly string[]
}

type Call<A extends unknown[], R> = (...args: A) => R

/** Puts a broken method in the place of one that works, which it is given. */
function mutate<K extends 'connect' | 'disconnect' | 'isConnected' | 'sendData' | 'sendMoney'>(
  { plugin }: Patient,
  name: K,
  broken: (good: ReferencePlugin[K], plugin: ReferencePlugin) => ReferencePlugin[K]
): void {
  const good = plugin[name].bind(plugin) as ReferencePlugin[K]
  Object.defineProperty(plugin, name, { value: broken(good, plugin) })
}

/** Puts something around each data handler that is registered. */
function mutateHandler({ plugin }: Patient, broken: (good: DataHandler) => DataHandler): void {
  const register = plugin.registerDataHandler.bind(plugin)
  plugin.registerDataHandler = (handler) => register(typeof handler === 'function' ? broken(handler) : handler)
}

function mutateMoneyHandler({ plugin }: Patient, broken: (good: MoneyHandler) => MoneyHandler): void {
  const register = plugin.registerMoneyHandler.bind(plugin)
  plugin.registerMoneyHandler = (handler) => register(typeof handler === 'function' ? broken(handler) : handler)
}

/** Puts something around each event on its way out. */
function mutateEmit(
  { plugin }: Patient,
  broken: (good: (...args: unknown[]) => boolean, event: unknown, args: unknown[]) => void
): void {
  const good = plugin.emit.bind(plugin) as (...args: unknown[]) => boolean
  plugin.emit = (event: unknown, ...args: unknown[]) => {
    broken(good, event, args)
    return true
  }
}

function later(ms: number, call: () => void): void {
  setTimeout(call, ms)
}

const never = <T>(): Promise<T> => new Promise(() => undefined)
const resolved = (value: unknown): Promise<never> => Promise.resolve(value as never)
const isPrepare = (data: Buffer): boolean => data[0] === 12
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null

function failing<A extends unknown[]>(when: Call<A, boolean>, good: Call<A, Promise<void>>): Call<A, Promise<void>> {
  return (...args) => (when(...args) ? Promise.reject(new Error('mutant')) : good(...args))
}

export const mutants: readonly Mutant[] = [
  // ------------------------------------------------------------------------------------------------------------- shape
  {
    name: 'is of version 1',
    breaks: ({ plugin }) => void Object.defineProperty(plugin, 'constructor', { value: { version: 1 } }),
    clauses: ['C1']
  },
  {
    name: 'lacks a method',
    breaks: ({ plugin }) => void Object.defineProperty(plugin, 'deregisterMoneyHandler', { value: undefined }),
    clauses: ['C2', 'C55']
  },
  {
    name: 'takes once for on',
    breaks: ({ plugin }) => {
      plugin.once = plugin.on.bind(plugin)
    },
    clauses: ['C3']
  },
  {
    name: 'is made of anything',
    breaks: (patient) => {
      patient.build = { ...patient.build, construct: () => ({}) }
    },
    clauses: ['C4']
  },
  {
    name: 'is made of bad options',
    breaks: (patient) => {
      const { construct, badOptions } = patient.build
      patient.build = { ...patient.build, construct: (o, s) => (o === badOptions ? {} : construct(o, s)) }
    },
    clauses: ['C4']
  },
  {
    name: 'needs services and does not say so',
    breaks: (patient) => {
      const construct = (options: unknown, services?: unknown): unknown => {
        if (!isObject(options)) throw new TypeError('mutant')
        if (services === undefined && Object.keys(options as object).length > 0) throw new Error('mutant')
        if (!isObject(services) && services !== undefined) throw new TypeError('mutant')
        throw new InvalidFieldsError('mutant')
      }
      patient.build = { ...patient.build, construct }
    },
    clauses: ['C5']
  },
  {
    name: 'throws errors that have no name of their own',
    breaks: (patient) => {
      class NamelessError extends Error {}
      mutate(patient, 'sendData', (good, plugin) => (data) => {
        return plugin.isConnected() ? good(data) : Promise.reject(new NamelessError('mutant'))
      })
    },
    clauses: ['C6']
  },
  // -------------------------------------------------------------------------------------------------------- connection
  {
    name: 'resolves connect() with null',
    breaks: (patient) => mutate(patient, 'connect', (good) => (options) => good(options).then(() => resolved(null))),
    clauses: ['C9']
  },
  {
    name: 'wants a timeout',
    breaks: (patient) =>
      mutate(patient, 'connect', (good) => failing((o?: ConnectOptions) => o !== undefined && !('timeout' in o), good)),
    clauses: ['C10']
  },
  {
    name: 'takes any timeout',
    breaks: (patient) =>
      mutate(patient, 'connect', (good) => (options) => {
        return typeof options?.timeout === 'number' && !Number.isNaN(options.timeout) ? good(options) : good()
      }),
    clauses: ['C10']
  },
  {
    name: 'ignores the timeout',
    breaks: (patient) =>
      mutate(
        patient,
        'connect',
        (good) => (options) =>
          good(options).catch((error: unknown) => {
            if ((error as Error).name === 'TimeoutError') return never()
            throw error
          })
      ),
    clauses: ['C11']
  },
  {
    name: 'takes a timeout of 0 for none at all',
    breaks: (patient) => mutate(patient, 'connect', (good) => failing((o?: ConnectOptions) => o?.timeout === 0, good)),
    clauses: ['C11']
  },
  {
    name: 'takes a timeout of Infinity for too long',
    breaks: (patient) =>
      mutate(patient, 'connect', (good) => failing((o?: ConnectOptions) => o?.timeout === Infinity, good)),
    clauses: ['C11']
  },
  {
    name: 'does not say that it was refused',
    breaks: (patient) =>
      mutate(
        patient,
        'connect',
        (good) => (options) =>
          good(options).catch((error: unknown) => {
            throw (error as Error).name === 'NotAcceptedError' ? new Error('mutant') : error
          })
      ),
    clauses: ['C12']
  },
  {
    name: 'emits connect with arguments',
    breaks: (patient) =>
      mutateEmit(patient, (good, event, args) => (event === 'connect' ? good(event, 5) : good(event, ...args))),
    clauses: ['C13']
  },
  {
    name: 'emits connect twice',
    breaks: (patient) =>
      mutateEmit(patient, (good, event, args) => {
        good(event, ...args)
        if (event === 'connect') good(event)
      }),
    clauses: ['C13', 'C15', 'C18', 'C19', 'C22']
  },
  {
    name: 'changes its mind on the connection only after it has emitted',
    breaks: (patient) => {
      let emitting: unknown
      mutateEmit(patient, (good, event, args) => {
        emitting = event
        good(event, ...args)
        emitting = undefined
      })
      mutate(patient, 'isConnected', (good) => () => (emitting === undefined ? good() : emitting === 'disconnect'))
    },
    clauses: ['C14', 'C19']
  },
  {
    name: 'emits connect when connect() has long resolved',
    breaks: (patient) =>
      mutateEmit(patient, (good, event, args) => {
        if (event === 'connect') setImmediate(() => good(event))
        else good(event, ...args)
      }),
    // those who look at what was emitted once connect() has resolved, or count on what comes next
    clauses: ['C15', 'C16', 'C18', 'C19', 'C20', 'C22']
  },
  {
    name: 'emits connect again when told to connect again',
    breaks: (patient) =>
      mutate(patient, 'connect', (good, plugin) => (options) => {
        if (plugin.isConnected()) plugin.emit('connect')
        return good(options)
      }),
    clauses: ['C16']
  },
  {
    name: 'resolves a second connect() at once',
    breaks: (patient) => {
      let connecting = false
      mutate(patient, 'connect', (good) => (options) => {
        if (connecting) return Promise.resolve()
        connecting = true
        return good(options).finally(() => {
          connecting = false
        })
      })
    },
    clauses: ['C17']
  },
  {
    name: 'says it is connected when it was refused',
    breaks: (patient) => {
      let refused = false
      mutate(patient, 'connect', (good) => (options) => {
        refused = false
        return good(options).catch((error: unknown) => {
          refused = (error as Error).name === 'NotAcceptedError'
          throw error
        })
      })
      mutate(patient, 'isConnected', (good) => () => refused || good())
    },
    clauses: ['C18']
  },
  {
    name: 'never connects again once it was refused',
    breaks: (patient) => {
      let refused = false
      mutate(
        patient,
        'connect',
        (good) => (options) =>
          good(options).then(
            () => (refused ? Promise.reject(new Error('mutant')) : undefined),
            (error: unknown) => {
              refused = true
              throw error
            }
          )
      )
    },
    clauses: ['C18']
  },
  {
    name: 'emits disconnect twice when the connection is lost',
    breaks: ({ network, plugin }) => {
      const { lose } = network
      network.lose = () => {
        lose()
        plugin.emit('disconnect')
      }
    },
    clauses: ['C19']
  },
  {
    name: 'resolves disconnect() with null',
    breaks: (patient) => mutate(patient, 'disconnect', (good) => () => good().then(() => resolved(null))),
    clauses: ['C20']
  },
  {
    name: 'emits disconnect though it was not connected',
    breaks: (patient) =>
      mutate(patient, 'disconnect', (good, plugin) => () => {
        if (!plugin.isConnected()) plugin.emit('disconnect')
        return good()
      }),
    clauses: ['C20']
  },
  {
    name: 'goes on connecting after disconnect()',
    breaks: (patient) => {
      let connecting = false
      mutate(patient, 'connect', (good) => (options) => {
        connecting = options === undefined
        return good(options).finally(() => {
          connecting = false
        })
      })
      mutate(patient, 'disconnect', (good) => () => (connecting ? Promise.resolve() : good()))
    },
    clauses: ['C21']
  },
  {
    name: 'forgets those who wait for a connection that it gives up',
    breaks: (patient) =>
      mutate(patient, 'connect', (good) => (options) => {
        return options?.timeout === Infinity ? good(options).catch(() => never()) : good(options)
      }),
    clauses: ['C21']
  },
  {
    name: 'lives once, and pretends to connect again',
    breaks: (patient) => {
      let dead = false
      mutate(patient, 'connect', (good) => (options) => (dead ? Promise.resolve() : good(options)))
      mutate(patient, 'disconnect', (good, plugin) => () => {
        dead = plugin.isConnected()
        return good()
      })
    },
    clauses: ['C22', 'C57']
  },
  {
    name: 'does not know whether it is connected before it was',
    breaks: (patient) => {
      let known = false
      mutate(patient, 'connect', (good) => (options) => {
        known = true
        return good(options)
      })
      mutate(patient, 'isConnected', (good) => () => (known ? good() : resolvedLater()))
    },
    clauses: ['C23']
  },
  {
    name: 'says that it is always connected',
    breaks: (patient) => mutate(patient, 'isConnected', () => () => true),
    clauses: ['C10', 'C11', 'C14', 'C18', 'C19', 'C20', 'C21', 'C23']
  },
  {
    name: 'leaves what it has sent without an answer when it disconnects',
    breaks: (patient) =>
      mutate(patient, 'sendData', (good, plugin) => (data) => {
        if (!plugin.isConnected()) return good(data)
        return good(data).catch((error: unknown) => {
          if (plugin.isConnected()) throw error
          return never()
        })
      }),
    clauses: ['C24', 'C72']
  },
  {
    name: 'calls its handler after disconnect()',
    breaks: (patient) => {
      const { peer, plugin } = patient
      const send = peer.sendData.bind(peer)
      let handler: DataHandler | undefined
      mutateHandler(patient, (good) => (handler = good))
      peer.sendData = (data) => (plugin.isConnected() || handler === undefined ? send(data) : handler(data))
    },
    clauses: ['C24']
  },
  // -------------------------------------------------------------------------------------------------------------- data
  {
    name: 'gives bytes that are no Buffer',
    breaks: (patient) =>
      mutate(patient, 'sendData', (good) => async (data) => {
        const answer = await good(data)
        return answer.equals(Buffer.from('hello yourself')) ? (new Uint8Array(answer) as Buffer) : answer
      }),
    clauses: ['C33']
  },
  {
    name: 'loses the answer to a prepare',
    breaks: (patient) =>
      mutate(patient, 'sendData', (good) => async (data) => {
        const answer = await good(data)
        return isPrepare(data) && data.length > 40 && answer !== data ? Buffer.alloc(0) : answer
      }),
    clauses: ['C33', 'C37', 'C44']
  },
  {
    name: 'sends a byte where there is none',
    breaks: (patient) =>
      mutate(patient, 'sendData', (good) => (data) => good(data.length === 0 ? Buffer.alloc(1) : data)),
    clauses: ['C37']
  },
  {
    name: 'cuts off what it receives at 64 KiB',
    breaks: (patient) => mutateHandler(patient, (good) => (data) => good(data.subarray(0, 65_535))),
    clauses: ['C37']
  },
  {
    name: 'writes into the prepare that it is given',
    breaks: (patient) =>
      mutate(patient, 'sendData', (good) => (data) => {
        const sending = good(data)
        if (isPrepare(data) && data.length > 60) data[data.length - 1] = 255
        return sending
      }),
    clauses: ['C33', 'C37', 'C38']
  },
  {
    name: 'never settles what is sent while it is not connected',
    breaks: (patient) =>
      mutate(patient, 'sendData', (good, plugin) => (data) => (plugin.isConnected() ? good(data) : never())),
    clauses: ['C6', 'C39']
  },
  {
    name: 'ends no prepare at its expiry',
    breaks: () => undefined,
    expiry: true,
    clauses: ['C39']
  },
  {
    name: 'has room for 500 exchanges at a time',
    breaks: (patient) => {
      let pending = 0
      mutate(patient, 'sendData', (good) => (data) => {
        if (pending >= 500) return Promise.reject(new Error('mutant'))
        pending++
        return good(data).finally(() => pending--)
      })
    },
    clauses: ['C40']
  },
  {
    name: 'sends every second request a little later',
    breaks: (patient) => {
      let count = 0
      mutate(patient, 'sendData', (good) => async (data) => {
        if (count++ % 2 === 0) await Promise.resolve()
        return good(data)
      })
    },
    clauses: ['C40']
  },
  {
    name: 'gives each answer to the request that has waited longest',
    breaks: (patient) => {
      const waiting: { resolve: (answer: Buffer) => void; reject: (error: unknown) => void }[] = []
      mutate(patient, 'sendData', (good) => (data) => {
        return new Promise((resolve, reject) => {
          waiting.push({ resolve, reject })
          good(data).then(
            (answer) => waiting.shift()?.resolve(answer),
            (error: unknown) => waiting.shift()?.reject(error)
          )
        })
      })
    },
    clauses: ['C41']
  },
  {
    name: 'throws the rejects of its peer',
    breaks: (patient) =>
      mutate(patient, 'sendData', (good) => async (data) => {
        const answer = await good(data)
        if (isPrepare(data) && answer[0] === 14) throw new Error('mutant')
        return answer
      }),
    clauses: ['C44']
  },
  {
    name: 'makes errors of the rejects of its handler',
    breaks: (patient) =>
      mutateHandler(patient, (good) => async (data) => {
        const answer = await good(data)
        if (isPrepare(data) && answer[0] === 14) throw new Error('mutant')
        return answer
      }),
    clauses: ['C44']
  },
  {
    name: 'hands every second request to its handler a little later',
    breaks: (patient) => {
      let count = 0
      mutateHandler(patient, (good) => async (data) => {
        if (count++ % 2 === 0) await Promise.resolve()
        return good(data)
      })
    },
    clauses: ['C66']
  },
  // ------------------------------------------------------------------------------------------------------------- money
  {
    name: 'sends money by numbers',
    breaks: (patient) => mutate(patient, 'sendMoney', (good) => (amount) => good(BigInt(Number(amount)).toString())),
    clauses: ['C47']
  },
  {
    name: 'receives money by numbers',
    breaks: (patient) => mutateMoneyHandler(patient, (good) => (amount) => good(BigInt(Number(amount)).toString())),
    clauses: ['C47']
  },
  {
    name: 'says that money has moved while it is not connected',
    breaks: (patient) =>
      mutate(patient, 'sendMoney', (good, plugin) => (amount) => {
        return plugin.isConnected() ? good(amount) : Promise.resolve()
      }),
    clauses: ['C49']
  },
  // ---------------------------------------------------------------------------------------------------------- handlers
  {
    name: 'overwrites its data handler without a word',
    breaks: ({ plugin }) => {
      const register = plugin.registerDataHandler.bind(plugin)
      plugin.registerDataHandler = (handler) => {
        plugin.deregisterDataHandler()
        register(handler)
      }
    },
    clauses: ['C6', 'C52']
  },
  {
    name: 'overwrites its data handler, and complains',
    breaks: ({ plugin }) => {
      const register = plugin.registerDataHandler.bind(plugin)
      plugin.registerDataHandler = (handler) => {
        try {
          register(handler)
        } catch (error) {
          plugin.deregisterDataHandler()
          register(handler)
          throw error
        }
      }
    },
    clauses: ['C52']
  },
  {
    name: 'complains when there is no data handler to deregister',
    breaks: ({ plugin }) => {
      const [register, deregister] = [
        plugin.registerDataHandler.bind(plugin),
        plugin.deregisterDataHandler.bind(plugin)
      ]
      let registered = false
      plugin.registerDataHandler = (handler) => {
        register(handler)
        registered = true
      }
      plugin.deregisterDataHandler = () => {
        if (!registered) throw new Error('mutant')
        registered = false
        deregister()
      }
    },
    clauses: ['C53']
  },
  {
    name: 'does not deregister its data handler',
    breaks: ({ plugin }) => {
      plugin.deregisterDataHandler = () => undefined
    },
    clauses: ['C54', 'C58']
  },
  {
    name: 'loses what the old data handler was given',
    breaks: (patient) => {
      const { plugin } = patient
      const deregister = plugin.deregisterDataHandler.bind(plugin)
      let generation = 0
      plugin.deregisterDataHandler = () => {
        generation++
        deregister()
      }
      mutateHandler(patient, (good) => async (data) => {
        const mine = generation
        const answer = await good(data)
        if (mine !== generation) throw new Error('mutant')
        return answer
      })
    },
    clauses: ['C54']
  },
  {
    name: 'overwrites its money handler without a word',
    breaks: ({ plugin }) => {
      const register = plugin.registerMoneyHandler.bind(plugin)
      plugin.registerMoneyHandler = (handler) => {
        plugin.deregisterMoneyHandler()
        register(handler)
      }
    },
    clauses: ['C55']
  },
  {
    name: 'complains when there is no money handler to deregister',
    breaks: ({ plugin }) => {
      const deregister = plugin.deregisterMoneyHandler.bind(plugin)
      let registered = false
      const register = plugin.registerMoneyHandler.bind(plugin)
      plugin.registerMoneyHandler = (handler) => {
        register(handler)
        registered = true
      }
      plugin.deregisterMoneyHandler = () => {
        if (!registered) throw new Error('mutant')
        registered = false
        deregister()
      }
    },
    clauses: ['C55']
  },
  {
    name: 'registers anything for a handler',
    breaks: ({ plugin }) => {
      const data = plugin.registerDataHandler.bind(plugin)
      const money = plugin.registerMoneyHandler.bind(plugin)
      plugin.registerDataHandler = (handler) => {
        if (typeof handler === 'function') data(handler)
      }
      plugin.registerMoneyHandler = (handler) => {
        if (typeof handler === 'function') money(handler)
      }
    },
    clauses: ['C56']
  },
  {
    name: 'loses its handlers when it disconnects',
    breaks: (patient) =>
      mutate(patient, 'disconnect', (good, plugin) => () => {
        plugin.deregisterDataHandler()
        return good()
      }),
    clauses: ['C57']
  },
  {
    name: 'loses its handlers when it loses the connection',
    breaks: ({ network, plugin }) => {
      const { lose } = network
      network.lose = () => {
        plugin.deregisterDataHandler()
        lose()
      }
    },
    clauses: ['C57']
  },
  {
    name: 'answers for a data handler that is not there',
    breaks: ({ peer }) => {
      const send = peer.sendData.bind(peer)
      peer.sendData = async (data) => {
        try {
          return await send(data)
        } catch (error) {
          if ((error as Error).message.includes('has no data handler')) return Buffer.from('nobody')
          throw error
        }
      }
    },
    clauses: ['C58']
  },
  {
    name: 'takes money for a handler that is not there',
    breaks: ({ peer }) => {
      const send = peer.sendMoney.bind(peer)
      peer.sendMoney = (amount) =>
        send(amount).catch((error: unknown) => {
          if (!(error as Error).message.includes('has no money handler')) throw error
        })
    },
    clauses: ['C58']
  },
  {
    name: 'gives its handlers a second argument',
    breaks: (patient) => {
      mutateHandler(patient, (good) => (data) => Reflect.apply(good, undefined, [data, 'more']) as Promise<Buffer>)
      mutateMoneyHandler(patient, (good) => (amount) => Reflect.apply(good, undefined, [amount, 0]) as Promise<void>)
    },
    clauses: ['C59']
  },
  {
    name: 'swallows the errors of its handlers',
    breaks: (patient) => {
      mutateHandler(patient, (good) => async (data) => {
        try {
          return await good(data)
        } catch (error) {
          if (error instanceof Error) return fulfill()
          throw error
        }
      })
      mutateMoneyHandler(patient, (good) => (amount) => good(amount).catch(() => undefined))
    },
    clauses: ['C60']
  },
  {
    name: 'takes undefined that is thrown for nothing that is thrown',
    breaks: (patient) =>
      mutateHandler(patient, (good) => async (data) => {
        try {
          return await good(data)
        } catch (error) {
          if (error === undefined) return Buffer.alloc(0)
          throw error
        }
      }),
    clauses: ['C60']
  },
  {
    name: 'does nothing more once its handler has given no Buffer',
    breaks: (patient) => {
      let dead = false
      mutateHandler(patient, (good) => async (data) => {
        if (dead) throw new Error('mutant')
        const answer = await good(data)
        dead = !Buffer.isBuffer(answer)
        return answer
      })
    },
    clauses: ['C61']
  },
  // ----------------------------------------------------------------------------------------------------------- hygiene
  {
    name: 'leaves a rejection to nobody when it disconnects with something under way',
    breaks: (patient) => {
      let pending = 0
      mutate(patient, 'sendData', (good) => (data) => {
        pending++
        return good(data).finally(() => pending--)
      })
      mutate(patient, 'disconnect', (good) => () => {
        if (pending > 0) void Promise.reject(new Error('mutant'))
        return good()
      })
    },
    clauses: ['C24', 'C72']
  },
  {
    name: 'leaves a timer for each packet',
    breaks: (patient) =>
      mutate(patient, 'sendData', (good) => (data) => {
        if (isPrepare(data) && prepareAmount(data) !== undefined) later(1000, () => undefined)
        return good(data)
      }),
    clauses: ['C73']
  }
]

function resolvedLater(): boolean {
  return undefined as unknown as boolean
}
