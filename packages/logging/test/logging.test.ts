import { EventEmitter } from 'node:events'
import createDebug from 'debug'
import {
  DataHandlerAlreadyRegisteredError,
  UnreachableError,
  defineMiddleware,
  describe as describeStack,
  unwrap,
  wrap
} from '@ilp-wrap/core'
import type { DataHandler, Log, MoneyHandler, PluginV2 } from '@ilp-wrap/core'
import { serializeIlpFulfill, serializeIlpPrepare, serializeIlpReject } from 'ilp-packet'
import { describe, expect, it } from 'vitest'
import { logging, minimalOptions } from '../src/index.js'
import type { LogEntry, LoggingOptions } from '../src/index.js'

declare module '@ilp-wrap/core' {
  interface PluginEvents {
    'test-attempted': { attempt: number }
  }
}

const CANARY = 'canary-8f2e1c'

class Peer extends EventEmitter implements PluginV2 {
  static readonly version: number = 2
  readonly token = CANARY
  answer: () => Promise<Buffer> = () => Promise.resolve(fulfill)
  money: () => Promise<void> = () => Promise.resolve()
  dataHandler: DataHandler | undefined
  moneyHandler: MoneyHandler | undefined
  connect(): Promise<void> {
    this.emit('connect')
    return Promise.resolve()
  }
  disconnect(): Promise<void> {
    this.emit('disconnect')
    return Promise.resolve()
  }
  isConnected(): boolean {
    return true
  }
  sendData(): Promise<Buffer> {
    return this.answer()
  }
  sendMoney(): Promise<void> {
    return this.money()
  }
  registerDataHandler(handler: DataHandler): void {
    this.dataHandler = handler
  }
  deregisterDataHandler(): void {
    this.dataHandler = undefined
  }
  registerMoneyHandler(handler: MoneyHandler): void {
    this.moneyHandler = handler
  }
  deregisterMoneyHandler(): void {
    this.moneyHandler = undefined
  }
}

const condition = Buffer.alloc(32, 7)
const prepare = serializeIlpPrepare({
  amount: '1000',
  executionCondition: condition,
  expiresAt: new Date(2_000_000_000_000),
  destination: 'test.bob',
  data: Buffer.from(CANARY)
})
const fulfill = serializeIlpFulfill({ fulfillment: Buffer.alloc(32, 9), data: Buffer.from(CANARY) })
const reject = serializeIlpReject({ code: 'F08', message: CANARY, triggeredBy: '', data: Buffer.from(CANARY) })

function setup(options: LoggingOptions = {}): { peer: Peer; plugin: PluginV2; lines: string[] } {
  const lines: string[] = []
  const write =
    (level: string) =>
    (message: string, ...args: unknown[]) =>
      lines.push(`${level} ${message.replace('%s', () => String(args[0]))}`)
  const log: Log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  const peer = new Peer()
  let now = 0
  const plugin = wrap(peer, [logging(options)], { log, clock: { monotonic: () => (now += 1.25) } })
  return { peer, plugin, lines }
}

const failure = Object.assign(new UnreachableError(CANARY), { cause: CANARY })

describe('logging', () => {
  it('writes one line for each outgoing exchange', async () => {
    const { peer, plugin, lines } = setup()
    await plugin.sendData(prepare)
    peer.answer = () => Promise.resolve(reject)
    await plugin.sendData(prepare)
    peer.answer = () => Promise.resolve(Buffer.from(CANARY))
    await plugin.sendData(prepare)
    await plugin.sendData(Buffer.from(CANARY))
    peer.answer = () => Promise.reject(failure)
    await expect(plugin.sendData(prepare)).rejects.toBe(failure)
    peer.answer = () => {
      throw undefined
    }
    await expect(plugin.sendData(Buffer.from(CANARY))).rejects.toBeUndefined()
    peer.answer = () => Promise.reject(Object.assign(new Error('x'), { ilpErrorCode: CANARY }))
    await expect(plugin.sendData(prepare)).rejects.toThrow('x')
    await plugin.sendMoney('55')
    peer.money = () => Promise.reject(new TypeError(CANARY))
    await expect(plugin.sendMoney('56')).rejects.toThrow(TypeError)
    expect(lines).toEqual([
      'debug outgoing 1000 test.bob fulfilled 1.3ms',
      'info outgoing 1000 test.bob rejected F08 1.3ms',
      'debug outgoing 1000 test.bob answered 1.3ms',
      'debug outgoing 13 bytes answered 1.3ms',
      'warn outgoing 1000 test.bob failed T01 UnreachableError 1.3ms',
      'warn outgoing 13 bytes failed undefined 1.3ms',
      'warn outgoing 1000 test.bob failed Error 1.3ms',
      'info outgoing money 55 moved 1.3ms',
      'warn outgoing 56 failed TypeError 1.3ms'
    ])
  })

  it('writes one line for each incoming exchange and each change of the connection', async () => {
    const { peer, plugin, lines } = setup()
    plugin.registerDataHandler(() => Promise.resolve(reject))
    plugin.registerMoneyHandler(() => Promise.reject(failure))
    await plugin.connect()
    await peer.dataHandler?.(prepare)
    await expect(peer.moneyHandler?.('7')).rejects.toBe(failure)
    plugin.on('error', () => undefined)
    peer.emit('error', new Error(CANARY))
    await plugin.disconnect()
    expect(lines).toEqual([
      'info connection connect',
      'info incoming 1000 test.bob rejected F08 1.3ms',
      'warn incoming 7 failed T01 UnreachableError 1.3ms',
      'info connection error Error',
      'info connection disconnect'
    ])
  })

  it('never writes data, conditions, error texts or options: the canary of RFC 0024', async () => {
    const { peer, plugin, lines } = setup()
    await plugin.connect()
    await plugin.sendData(prepare)
    peer.answer = () => Promise.resolve(reject)
    await plugin.sendData(prepare)
    await plugin.sendData(Buffer.from(CANARY))
    peer.answer = () => Promise.reject(failure)
    await plugin.sendData(prepare).catch(() => undefined)
    const all = lines.join('\n')
    expect(lines).toHaveLength(5)
    for (const secret of [CANARY, condition.toString('hex'), condition.toString('base64'), 'token']) {
      expect(all).not.toContain(secret)
    }
  })

  it('returns the very promise of the inner plugin', () => {
    const { peer, plugin } = setup()
    const answer = Promise.resolve(fulfill)
    peer.answer = () => answer
    expect(plugin.sendData(prepare)).toBe(answer)
  })

  it('can be switched off by direction, and two halves do not log the connection twice', async () => {
    const out = setup({ incoming: false })
    out.plugin.registerDataHandler(() => Promise.resolve(fulfill))
    await out.peer.dataHandler?.(prepare)
    await out.plugin.sendData(prepare)
    expect(out.lines).toEqual(['debug outgoing 1000 test.bob fulfilled 1.3ms'])
    const { peer, plugin, lines } = setup({ outgoing: false })
    plugin.registerMoneyHandler(() => Promise.resolve())
    await plugin.connect()
    await plugin.sendMoney('1')
    await peer.moneyHandler?.('2')
    expect(lines).toEqual(['info incoming money 2 moved 1.3ms'])
    expect(describeStack(plugin).middleware).toEqual([{ name: 'logging', place: { incoming: 'any' } }])
    expect(peer.eventNames()).toEqual([])
  })

  it('takes levels by outcome, `false` for no line', async () => {
    const { peer, plugin, lines } = setup({ levels: { fulfilled: 'error', rejected: false } })
    await plugin.sendData(prepare)
    peer.answer = () => Promise.resolve(reject)
    await plugin.sendData(prepare)
    expect(lines).toEqual(['error outgoing 1000 test.bob fulfilled 1.3ms'])
  })

  it('writes an even share of the lines of an outcome, the first included', async () => {
    for (const [share, expected] of [
      [0.1, 10],
      [1 / 3, 34],
      [1, 100],
      [0, 0]
    ] as const) {
      const { plugin, lines } = setup({ sample: { fulfilled: share } })
      for (let i = 0; i < 100; i++) await plugin.sendData(prepare)
      expect(lines).toHaveLength(expected)
    }
  })

  it('takes a formatter, whose throw costs its line and nothing else', async () => {
    const entries: LogEntry[] = []
    const { plugin, lines } = setup({
      format: (entry) => {
        entries.push(entry)
        if (entries.length === 2) throw new Error('formatter')
        return 'line'
      }
    })
    for (let i = 0; i < 3; i++) await plugin.sendData(prepare)
    expect(lines).toEqual(['debug line', 'debug line'])
    expect(entries[0]).toEqual({
      outcome: 'fulfilled',
      direction: 'outgoing',
      amount: 1000n,
      destination: 'test.bob',
      durationMs: 1.25
    })
  })

  it('writes attempts of other middleware as lines of their own, until unwrapped', async () => {
    let attempt = (): void => undefined
    const attempts = (name: string): ReturnType<typeof defineMiddleware> =>
      defineMiddleware({ name, place: {} }, ({ emit }) => {
        attempt = () => {
          emit({ type: 'test-attempted', attempt: 2 })
        }
        return {}
      })
    const lines: string[] = []
    const log = {
      debug: (_: string, line: unknown) => lines.push(String(line)),
      info: () => 0,
      warn: () => 0,
      error: () => 0
    }
    for (const [name, options] of [
      ['retry', {}],
      ['other', {}],
      ['other', { events: ['other'] }],
      ['retry', { events: false }],
      ['retry', { outgoing: false }],
      ['retry', { levels: { event: false } }]
    ] as const) {
      const plugin = wrap(new Peer(), [attempts(name), logging({ log, ...options })])
      attempt()
      unwrap(plugin)
      attempt()
    }
    expect(lines).toEqual(['event retry test-attempted', 'event other test-attempted'])
  })

  const attempting = defineMiddleware({ name: 'retry', place: {} }, ({ emit }) => ({
    sendData(data, next) {
      emit({ type: 'test-attempted', attempt: 1 })
      return next(data)
    }
  }))

  it('logs through debug by default, where off costs no line and no observer of the events', async () => {
    const written: string[] = []
    const { log } = createDebug
    createDebug.log = (...args: unknown[]) => written.push(args.join(' '))
    const off = wrap(new Peer(), [logging()], { account: 'alice' })
    await off.sendData(prepare)
    await off.sendMoney('1')
    await off.connect()
    expect(written).toEqual([])
    createDebug.enable('ilp-wrap:alice:logging')
    const plugin = wrap(new Peer(), [logging()], { account: 'alice' })
    await plugin.sendData(prepare)
    createDebug.disable()
    createDebug.log = log
    // it was on when the plugin was wrapped, and is off now
    const quiet = wrap(new Peer(), [attempting, logging()], { account: 'alice' })
    createDebug.enable('ilp-wrap:alice:logging')
    const observing = wrap(new Peer(), [attempting, logging()], { account: 'alice' })
    createDebug.disable()
    for (const each of [quiet, observing]) await each.sendData(prepare)
    expect(written).toHaveLength(1)
    expect(written[0]).toMatch(/ilp-wrap:alice:logging.*outgoing 1000 test\.bob fulfilled/)
  })

  it('survives a log that throws', async () => {
    const fail = (): never => {
      throw new Error('log')
    }
    const plugin = wrap(new Peer(), [logging({ log: { debug: fail, info: fail, warn: fail, error: fail } })])
    expect(await plugin.sendData(prepare)).toBe(fulfill)
    await plugin.connect()
  })

  // each was an unhandled rejection, which ends a process
  it('writes of errors that cannot be looked at what they are, and passes them on', async () => {
    const getter = (error: object, name: string): object =>
      Object.defineProperty(error, name, {
        get() {
          throw new Error(CANARY)
        }
      })
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const { peer, plugin, lines } = setup()
    for (const [error, told] of [
      [getter(new Error(), 'name'), 'object'],
      [getter(new TypeError(), 'ilpErrorCode'), 'TypeError'],
      [Object.assign(new Error(), { name: { toString: CANARY } }), 'object'],
      [proxy, 'object']
    ] as const) {
      peer.answer = () => Promise.reject(error)
      // what a promise gives is asked for its `then`
      const same: unknown = await plugin.sendData(prepare).catch((thrown: unknown) => Object.is(thrown, error))
      expect(same).toBe(true)
      expect(lines.at(-1)).toMatch(new RegExp(`^warn outgoing 1000 test.bob failed ${told} [\\d.]+ms$`))
    }
    // an unhandled rejection would be told by now
    await new Promise((resolve) => setImmediate(resolve))
  })

  it('passes on what is no data, and writes that it was answered', async () => {
    const { peer, plugin, lines } = setup()
    plugin.registerDataHandler((data) => Promise.resolve(data))
    for (const nothing of [undefined, null, 5]) {
      expect(await peer.dataHandler?.(nothing as never)).toBe(nothing)
      expect(lines.at(-1)).toMatch(/^debug incoming answered [\d.]+ms$/)
    }
  })

  it('survives a log that cannot say whether it is on', async () => {
    const { peer } = setup()
    const nothing = (): undefined => undefined
    const log: Log = {
      ...{ debug: nothing, info: nothing, warn: nothing, error: nothing },
      get enabled(): boolean {
        throw new Error('disk full')
      }
    }
    expect(await wrap(peer, [logging({ log })]).sendData(prepare)).toBe(fulfill)
  })

  it('lets the RFC’s errors through', () => {
    const { plugin } = setup()
    plugin.registerDataHandler(() => Promise.resolve(fulfill))
    expect(() => {
      plugin.registerDataHandler(() => Promise.resolve(fulfill))
    }).toThrow(DataHandlerAlreadyRegisteredError)
  })

  it('names a bad option', () => {
    expect(() => logging(minimalOptions)).not.toThrow()
    for (const [options, message] of [
      [{ incoming: 1 }, 'Expected `incoming` to be a boolean, got `1` (number)'],
      [
        { levels: { fulfilled: 'loud' } },
        "Expected `levels.fulfilled` to be 'debug' or 'info' or 'warn' or 'error', got `loud` (string)"
      ],
      [{ levels: { lost: 'info' } }, 'Unknown option `levels.lost`'],
      [{ sample: { fulfilled: 2 } }, 'Expected `sample.fulfilled` to be a number from 0 to 1, got `2` (number)'],
      [{ events: 'retry' }, 'Expected `events` to be a list of middleware names or false'],
      [{ events: [1] }, 'Expected `events` to be a list of middleware names or false'],
      [{ log: {} }, 'Expected `log` to be a logger'],
      [{ log: null }, 'Expected `log` to be a logger'],
      [{ format: 'x' }, 'Expected `format` to be a function'],
      [{ colour: true }, 'Unknown option `colour`']
    ] as const) {
      expect(() => logging(options as never)).toThrow(message)
    }
  })
})
