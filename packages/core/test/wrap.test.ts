import { describe as group, expect, it } from 'vitest'
import {
  DataHandlerAlreadyRegisteredError,
  InvalidFieldsError,
  InvalidServicesError,
  MoneyHandlerAlreadyRegisteredError,
  UnreachableError,
  defineMiddleware,
  describe,
  handleOf,
  isPluginV1,
  isPluginV2,
  pluginTraits,
  unwrap,
  wrap
} from '../src/index.js'
import type { Hooks, Middleware, PluginV1, PluginV2, Setup } from '../src/index.js'
import { FakePlugin, thrownBy } from './fake-plugin.js'

const hello = Buffer.from('hello')

/** Appends its name to data and money in each direction. */
function mark(name: string): Middleware {
  return defineMiddleware({ name, place: { incoming: 'any', outgoing: 'any' } }, () => ({
    sendData: (data, next) => next(Buffer.concat([data, Buffer.from(`>${name}`)])),
    handleData: (data, next) => next(Buffer.concat([data, Buffer.from(`<${name}`)])),
    sendMoney: (amount, next) => next(`${amount}>${name}`),
    handleMoney: (amount, next) => next(`${amount}<${name}`)
  }))
}

function middleware(hooks: Hooks | ((setup: Setup) => Hooks), name = 'it'): Middleware {
  return defineMiddleware({ name, place: {} }, typeof hooks === 'function' ? hooks : () => hooks)
}

group('wrap', () => {
  it('puts the first middleware next to the wire and the last next to the host', async () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [mark('a'), mark('b'), mark('c')])
    expect((await plugin.sendData(hello)).toString()).toBe('hello>c>b>a')
    await plugin.sendMoney('5')
    expect(inner.calls.at(-1)).toEqual(['sendMoney', '5>c>b>a'])
    const received: string[] = []
    plugin.registerDataHandler((data) => {
      received.push(data.toString())
      return Promise.resolve(data)
    })
    plugin.registerMoneyHandler((amount) => {
      received.push(amount)
      return Promise.resolve()
    })
    await inner.receive(hello)
    await inner.receiveMoney('7')
    expect(received).toEqual(['hello<a<b<c', '7<a<b<c'])
  })

  it('gives the same stack nested, called by hand, or in one list', async () => {
    const [a, b] = [mark('a'), mark('b')]
    for (const make of [
      (p: PluginV2) => wrap(p, [a, b]),
      (p: PluginV2) => wrap(wrap(p, [a]), [b]),
      (p: PluginV2) => b(a(p)),
      (p: PluginV2) => wrap(wrap(wrap(p, []), [a, middleware({}), b]), [middleware({}, 'other')])
    ]) {
      const inner = new FakePlugin()
      const plugin = make(inner)
      expect((await plugin.sendData(hello)).toString()).toBe('hello>b>a')
      plugin.registerDataHandler((data) => Promise.resolve(data))
      expect((await inner.receive(hello)).toString()).toBe('hello<a<b')
    }
  })

  it('returns the same object for an empty list over a wrapped plugin, and a new one over a plain plugin', () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [])
    expect(plugin).not.toBe(inner)
    expect(wrap(plugin, [])).toBe(plugin)
    expect(wrap(plugin, [], { account: 'a' })).not.toBe(plugin)
  })

  it('says what is missing when a value is no plugin', () => {
    expect(() => wrap(null as never, [])).toThrow(new TypeError('Expected a ledger plugin, got null'))
    expect(() => wrap(5 as never, [])).toThrow('Expected a ledger plugin, got a value of type number')
    expect(() => wrap(FakePlugin as never, [])).toThrow('Expected a ledger plugin, got a class or function')
    expect(() => wrap({ ...plain(), sendMoney: undefined } as never, [])).toThrow(
      'Expected a ledger plugin, got an object without `sendMoney`'
    )
  })

  it('names compat() when a v1 plugin comes without it', () => {
    const v1 = { ...plain(), sendData: undefined, sendTransfer: () => Promise.resolve() }
    expect(() => wrap(v1 as unknown as PluginV2, [])).toThrow(/version 1.*compat\(\)/)
    expect(() => wrap(v1 as unknown as PluginV2, [mark('a')])).toThrow(TypeError)
  })

  it('takes a v1 plugin whose first middleware makes a v2 plugin of it', async () => {
    const v1 = { ...plain(), sendData: undefined, sendTransfer: () => Promise.resolve() } as unknown as PluginV1
    const inner = new FakePlugin()
    const shim: Middleware<PluginV1> = () => inner
    expect((await wrap(v1, [shim, mark('a')]).sendData(hello)).toString()).toBe('hello>a')
    expect(describe(wrap(v1, [shim])).middleware).toEqual([])
  })

  it('takes a v2 plugin that also has sendTransfer, and one without a version', () => {
    class Both extends FakePlugin {
      sendTransfer(): void {
        throw new Error('never called')
      }
    }
    expect(() => wrap(new Both(), [])).not.toThrow()
    expect(() => wrap(plain(), [])).not.toThrow()
    expect(() => wrap(Object.assign(Object.create(null) as PluginV2, plain()), [])).not.toThrow()
  })

  it('tells the versions apart', () => {
    const v1 = { ...plain(), sendData: undefined, sendTransfer: () => Promise.resolve() }
    expect([null, 5, {}, plain(), new FakePlugin(), v1].map(isPluginV2)).toEqual([
      false,
      false,
      false,
      true,
      true,
      false
    ])
    expect([null, 5, {}, plain(), new FakePlugin(), v1].map(isPluginV1)).toEqual([
      false,
      false,
      false,
      false,
      false,
      true
    ])
  })

  it('refuses what is no list of functions, by its place', () => {
    expect(() => wrap(new FakePlugin(), mark('a') as never)).toThrow('Expected `middleware` to be an array')
    expect(() => wrap(new FakePlugin(), [mark('a'), {} as never])).toThrow('Expected `middleware[1]` to be a function')
  })

  it('runs setup once per wrapped plugin, with the plugin beneath', () => {
    const seen: PluginV2[] = []
    const it = middleware(({ plugin }) => {
      seen.push(plugin)
      return {}
    })
    const inner = new FakePlugin()
    const below = wrap(inner, [mark('a')])
    wrap(below, [it])
    wrap(inner, [it])
    expect(seen).toEqual([below, inner])
    expect(seen[0]).toBe(below)
  })

  it('calls hooks with what setup returned as `this`', async () => {
    class Counting implements Hooks {
      #count = 0
      sendData(data: Buffer, next: (data: Buffer) => Promise<Buffer>): Promise<Buffer> {
        this.#count++
        return next(data)
      }
      handleData(data: Buffer, next: (data: Buffer) => Promise<Buffer>): Promise<Buffer> {
        return this.sendData(data, next)
      }
      sendMoney(amount: string, next: (amount: string) => Promise<void>): Promise<void> {
        this.#count++
        return next(amount)
      }
      handleMoney(amount: string, next: (amount: string) => Promise<void>): Promise<void> {
        return this.sendMoney(amount, next)
      }
      connect(_: unknown, next: (options: undefined) => Promise<void>): Promise<void> {
        this.#count++
        return next(undefined)
      }
      disconnect(next: () => Promise<void>): Promise<void> {
        this.#count++
        return next()
      }
      get handle(): object {
        return { count: this.#count }
      }
    }
    const inner = new FakePlugin()
    const plugin = wrap(inner, [middleware(() => new Counting())])
    plugin.registerDataHandler((data) => Promise.resolve(data))
    plugin.registerMoneyHandler(() => Promise.resolve())
    await plugin.connect()
    await plugin.sendData(hello)
    await plugin.sendMoney('1')
    await inner.receive(hello)
    await inner.receiveMoney('1')
    await plugin.disconnect()
    expect(handleOf(plugin, 'it')).toEqual({ count: 6 })
    expect(handleOf(plugin, 'other')).toBeUndefined()
    expect(() => handleOf(inner, 'it')).toThrow(TypeError)
  })

  it('lets a hook call next more than once', async () => {
    const inner = new FakePlugin()
    const twice = middleware({ sendData: (data, next) => next(data).then(() => next(data)) })
    await wrap(inner, [twice]).sendData(hello)
    expect(inner.calls).toHaveLength(2)
  })
})

group('calls towards the wire', () => {
  it('pass data, amount and options through by identity', async () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [middleware({})])
    const options = { timeout: 5 }
    const reply = Buffer.from('reply')
    inner.answer = () => Promise.resolve(reply)
    await plugin.connect(options)
    expect(await plugin.sendData(hello)).toBe(reply)
    expect((inner.calls[0] as unknown[])[1]).toBe(options)
    expect((inner.calls[1] as unknown[])[1]).toBe(hello)
  })

  it('return the very promise of the inner plugin', () => {
    const inner = new FakePlugin()
    const promise = Promise.resolve(hello)
    inner.answer = () => promise
    expect(wrap(inner, [middleware({ sendData: (d, next) => next(d) })]).sendData(hello)).toBe(promise)
  })

  it('turn a synchronous throw into a rejection of the same value, `undefined` included', async () => {
    const inner = new FakePlugin()
    for (const error of [new Error('x'), 'text', undefined]) {
      const fail = (): never => {
        throw error
      }
      inner.answer = fail
      inner.sendMoney = fail
      inner.connect = fail
      inner.disconnect = fail
      for (const plugin of [
        wrap(inner, []),
        wrap(new FakePlugin(), [
          middleware({ sendData: fail, sendMoney: fail, connect: fail, disconnect: fail }),
          mark('a')
        ])
      ]) {
        for (const call of [
          plugin.sendData(hello),
          plugin.sendMoney('1'),
          plugin.connect(),
          plugin.disconnect()
        ] as Promise<unknown>[]) {
          expect(await thrownBy(() => call)).toEqual({ error })
        }
      }
    }
  })

  it('make a promise of what a plugin or a hook returns instead of one', async () => {
    const inner = new FakePlugin()
    inner.answer = () => hello as never
    expect(await wrap(inner, []).sendData(hello)).toBe(hello)
    expect(wrap(inner, []).sendData(hello)).toBeInstanceOf(Promise)
    const hook = middleware({ sendData: () => 5 as never, handleData: () => 6 as never })
    const plugin = wrap(inner, [hook])
    expect(await plugin.sendData(hello)).toBe(5)
    plugin.registerDataHandler((data) => Promise.resolve(data))
    expect(await inner.receive(hello)).toBe(6)
  })

  it('see a method that is replaced later on the raw plugin', async () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [mark('a')])
    inner.sendData = () => Promise.resolve(Buffer.from('replaced'))
    expect((await plugin.sendData(hello)).toString()).toBe('replaced')
  })

  it('refuse a connect timeout that is no number, before the inner plugin sees it', async () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [])
    for (const timeout of ['5', null, {}, NaN]) {
      await expect(plugin.connect({ timeout } as never)).rejects.toThrow(TypeError)
    }
    expect(inner.calls).toEqual([])
    await plugin.connect(null as never)
    await plugin.connect({ timeout: Infinity })
    await plugin.connect({})
    expect(inner.calls).toHaveLength(3)
  })

  it('mirror isConnected as it is', async () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [mark('a')])
    expect(plugin.isConnected()).toBe(false)
    await plugin.connect()
    expect(plugin.isConnected()).toBe(true)
    inner.isConnected = () => undefined as never
    expect(plugin.isConnected()).toBeUndefined()
  })
})

group('handlers', () => {
  it('are registered on the inner plugin only while the host has one', () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [mark('a')])
    expect([inner.dataHandler, inner.moneyHandler]).toEqual([undefined, undefined])
    plugin.registerDataHandler((data) => Promise.resolve(data))
    plugin.registerMoneyHandler(() => Promise.resolve())
    expect([typeof inner.dataHandler, typeof inner.moneyHandler]).toEqual(['function', 'function'])
    plugin.deregisterDataHandler()
    plugin.deregisterMoneyHandler()
    expect([inner.dataHandler, inner.moneyHandler]).toEqual([undefined, undefined])
    plugin.deregisterDataHandler()
    plugin.deregisterMoneyHandler()
  })

  it('are refused twice with the error of RFC 0024 though the inner plugin overwrites silently', async () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [mark('a')])
    plugin.registerDataHandler(() => Promise.resolve(Buffer.from('first')))
    plugin.registerMoneyHandler(() => Promise.resolve())
    expect(() => {
      plugin.registerDataHandler((data) => Promise.resolve(data))
    }).toThrow(DataHandlerAlreadyRegisteredError)
    expect(() => {
      plugin.registerMoneyHandler(() => Promise.resolve())
    }).toThrow(MoneyHandlerAlreadyRegisteredError)
    expect((await inner.receive(hello)).toString()).toBe('first')
  })

  it('of two stacks over one plugin exclude each other, and neither can remove the other one’s', async () => {
    const inner = new FakePlugin()
    const one = wrap(inner, [mark('a')])
    const two = wrap(inner, [mark('b')])
    one.registerDataHandler((data) => Promise.resolve(data))
    one.registerMoneyHandler(() => Promise.resolve())
    expect(() => {
      two.registerDataHandler((data) => Promise.resolve(data))
    }).toThrow(DataHandlerAlreadyRegisteredError)
    expect(() => {
      two.registerMoneyHandler(() => Promise.resolve())
    }).toThrow(MoneyHandlerAlreadyRegisteredError)
    two.deregisterDataHandler()
    two.deregisterMoneyHandler()
    expect((await inner.receive(hello)).toString()).toBe('hello<a')
    expect(inner.moneyHandler).toBeTypeOf('function')
  })

  it('can be removed through any layer of the stack that registered them', () => {
    const inner = new FakePlugin()
    const lower = wrap(inner, [mark('a')])
    const upper = wrap(lower, [mark('b')])
    upper.registerDataHandler((data) => Promise.resolve(data))
    lower.deregisterDataHandler()
    expect(inner.dataHandler).toBeUndefined()
    lower.registerMoneyHandler(() => Promise.resolve())
    upper.deregisterMoneyHandler()
    expect(inner.moneyHandler).toBeUndefined()
    upper.registerDataHandler((data) => Promise.resolve(data))
  })

  it('must be functions', () => {
    const plugin = wrap(new FakePlugin(), [])
    expect(() => {
      plugin.registerDataHandler('x' as never)
    }).toThrow(InvalidFieldsError)
    expect(() => {
      plugin.registerMoneyHandler(undefined as never)
    }).toThrow(InvalidFieldsError)
  })

  it('pass on the inner plugin’s own refusal, and can be registered once it accepts', () => {
    const inner = new FakePlugin()
    const error = new Error('taken by foreign code')
    inner.registerDataHandler = inner.registerMoneyHandler = () => {
      throw error
    }
    const plugin = wrap(inner, [mark('a')])
    expect(() => {
      plugin.registerDataHandler((data) => Promise.resolve(data))
    }).toThrow(error)
    expect(() => {
      plugin.registerMoneyHandler(() => Promise.resolve())
    }).toThrow(error)
    for (const name of ['registerDataHandler', 'registerMoneyHandler']) Reflect.deleteProperty(inner, name)
    plugin.registerDataHandler((data) => Promise.resolve(data))
    plugin.registerMoneyHandler(() => Promise.resolve())
  })

  it('get one argument and their throws reach the inner plugin as rejections of the same value', async () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [mark('a')])
    const args: unknown[][] = []
    plugin.registerDataHandler((...given) => {
      args.push(given)
      throw undefined
    })
    const call = inner.dataHandler as (...args: unknown[]) => Promise<Buffer>
    expect(await thrownBy(() => call(hello, 'extra'))).toEqual({ error: undefined })
    expect(args).toHaveLength(1)
    expect(args[0]).toHaveLength(1)
    plugin.registerMoneyHandler(() => {
      throw 'text'
    })
    expect(await thrownBy(() => inner.receiveMoney('1'))).toEqual({ error: 'text' })
  })

  it('reach the inner plugin as a rejection when a middleware’s hook throws', async () => {
    const inner = new FakePlugin()
    const error = new Error('hook')
    const plugin = wrap(inner, [
      middleware({
        handleData: () => {
          throw error
        }
      })
    ])
    plugin.registerDataHandler((data) => Promise.resolve(data))
    expect(await thrownBy(() => inner.receive(hello))).toEqual({ error })
  })

  it('pass on what is no promise and no Buffer', async () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [])
    plugin.registerDataHandler(() => undefined as never)
    expect(await inner.receive(hello)).toBeUndefined()
  })

  it('answer a packet that a middleware held until they were deregistered', async () => {
    const inner = new FakePlugin()
    let go = (): void => undefined
    const waiting = new Promise<void>((resolve) => (go = resolve))
    const hold = middleware({
      handleData: (data, next) => waiting.then(() => next(data)),
      handleMoney: (amount, next) => waiting.then(() => next(amount))
    })
    const plugin = wrap(inner, [hold])
    plugin.registerDataHandler((data) => Promise.resolve(data))
    plugin.registerMoneyHandler(() => Promise.resolve())
    const data = inner.receive(hello)
    const money = inner.receiveMoney('1')
    plugin.deregisterDataHandler()
    plugin.deregisterMoneyHandler()
    go()
    await expect(data).rejects.toThrow(UnreachableError)
    await expect(money).rejects.toThrow(UnreachableError)
  })

  it('let a packet that was handed over finish with the old one', async () => {
    const inner = new FakePlugin()
    const plugin = wrap(inner, [mark('a')])
    let go = (): void => undefined
    const waiting = new Promise<void>((resolve) => (go = resolve))
    plugin.registerDataHandler(() => waiting.then(() => Buffer.from('old')))
    const first = inner.receive(hello)
    plugin.deregisterDataHandler()
    plugin.registerDataHandler(() => Promise.resolve(Buffer.from('new')))
    go()
    expect((await first).toString()).toBe('old')
    expect((await inner.receive(hello)).toString()).toBe('new')
  })
})

group('context', () => {
  it('is shared by a stack, and a layer without a part of it takes the inner layer’s', () => {
    const seen: (string | undefined)[] = []
    const look = middleware(({ account }) => {
      seen.push(account)
      return {}
    })
    const store = { get: () => Promise.resolve(undefined), put: () => Promise.resolve(), del: () => Promise.resolve() }
    const inner = wrap(new FakePlugin(), [look], { account: 'alice', store })
    wrap(inner, [look])
    wrap(inner, [look], {})
    look(inner, { account: 'bob' })
    expect(seen).toEqual(['alice', 'alice', 'alice', 'bob'])
    const needy = defineMiddleware({ name: 'needy', place: {}, needs: ['store', 'account'] }, ({ store: given }) => {
      expect(given).toBe(store)
      return {}
    })
    wrap(inner, [needy])
    expect(() => wrap(new FakePlugin(), [needy])).toThrow(InvalidServicesError)
    expect(() => wrap(new FakePlugin(), [needy], { store })).toThrow('`needy` needs `account` in its context, got none')
  })

  it('shows the traits of the plugin and of the layers beneath', () => {
    const seen: string[][] = []
    const look = middleware(({ traits }) => {
      seen.push([...traits].sort())
      return {}
    })
    const inner = Object.assign(new FakePlugin(), { [pluginTraits]: ['of-plugin'] })
    const trait = defineMiddleware({ name: 'x', place: {}, traits: ['of-layer'] }, () => ({}))
    wrap(inner, [look, trait, look])
    expect(seen).toEqual([['of-plugin'], ['of-layer', 'of-plugin']])
  })
})

group('order', () => {
  const at = (name: string, incoming?: 'wire' | 'books' | 'any', outgoing?: 'inside-books' | 'books'): Middleware =>
    defineMiddleware({ name, place: { ...(incoming && { incoming }), ...(outgoing && { outgoing }) } }, () => ({}))

  function setup(): { lines: string[]; context: { log: never } } {
    const lines: string[] = []
    const log = {
      warn: (message: string, ...args: unknown[]) => lines.push([message, ...args].join(' '))
    }
    return { lines, context: { log: log as never } }
  }

  it('warns once for a layer that stands outside of a zone it belongs inside of', () => {
    const { lines, context } = setup()
    const plugin = wrap(
      new FakePlugin(),
      [at('balance', 'books', 'books'), at('expire', undefined, 'inside-books')],
      context
    )
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^ILP_WRAP_ORDER.*outgoing.*`expire`.*`balance`/)
    expect(describe(plugin).warnings).toHaveLength(1)
  })

  it('sees breaches across nested wraps and calls by hand', () => {
    const { lines, context } = setup()
    at('logging', 'wire')(wrap(wrap(new FakePlugin(), [at('balance', 'books')], context), []))
    expect(lines).toHaveLength(1)
  })

  it('does not mind a layer that does nothing in a direction', () => {
    const { lines, context } = setup()
    wrap(new FakePlugin(), [at('a', 'books'), at('b', undefined, 'inside-books')], context)
    expect(lines).toEqual([])
  })

  it('warns when one name is active twice in one direction, but not once in each', () => {
    const { lines, context } = setup()
    wrap(new FakePlugin(), [at('limit', 'any'), at('other', 'any'), at('limit', undefined, 'books')], context)
    expect(lines).toEqual([])
    wrap(new FakePlugin(), [at('limit', 'any'), at('limit', 'any')], context)
    expect(lines).toHaveLength(1)
  })

  it('has nothing to say of the right order, nor of a place that is any', () => {
    const { lines, context } = setup()
    const list = [at('a', 'wire', 'inside-books'), at('b', 'any'), at('c', 'books', 'books'), at('d', 'any')]
    expect(describe(wrap(new FakePlugin(), list, context)).warnings).toEqual([])
    expect(lines).toEqual([])
  })
})

group('describe and unwrap', () => {
  it('tell and undo what a stack is made of', async () => {
    const disposed: string[] = []
    const one = (name: string): Middleware => middleware({ dispose: () => disposed.push(name) }, name)
    const inner = new FakePlugin()
    const plugin = wrap(inner, [one('a'), one('b')], { account: 'alice' })
    plugin.registerDataHandler((data) => Promise.resolve(data))
    plugin.registerMoneyHandler(() => Promise.resolve())
    plugin.on('connect', () => undefined)
    const description = {
      account: 'alice',
      plugin: { name: 'FakePlugin', version: 2 },
      middleware: [
        { name: 'a', place: {} },
        { name: 'b', place: {} }
      ],
      warnings: []
    }
    expect(describe(plugin)).toEqual(description)
    expect(JSON.parse(JSON.stringify({ plugin }))).toEqual({ plugin: description })
    expect(unwrap(plugin)).toBe(inner)
    expect(disposed).toEqual(['b', 'a'])
    expect([inner.dataHandler, inner.moneyHandler, inner.eventNames()]).toEqual([undefined, undefined, []])
    await expect(plugin.sendData(hello)).rejects.toMatchObject({ code: 'ILP_WRAP_UNWRAPPED' })
    await expect(plugin.sendMoney('1')).rejects.toMatchObject({ code: 'ILP_WRAP_UNWRAPPED' })
    await expect(plugin.connect()).rejects.toMatchObject({ code: 'ILP_WRAP_UNWRAPPED' })
    await plugin.disconnect()
    expect(plugin.isConnected()).toBe(false)
    expect(() => {
      plugin.registerDataHandler((data) => Promise.resolve(data))
    }).toThrow('unwrapped')
    plugin.deregisterDataHandler()
    plugin.deregisterMoneyHandler()
    plugin.on('x', () => undefined)
    plugin.emit('x')
    ;(plugin as unknown as FakePlugin).removeAllListeners()
    unwrap(plugin)
  })

  it('leave alone what is not wrapped, and handlers that another stack or foreign code registered', () => {
    const inner = new FakePlugin()
    expect(unwrap(inner)).toBe(inner)
    expect(() => describe(inner)).toThrow(TypeError)
    const foreign = (data: Buffer): Promise<Buffer> => Promise.resolve(data)
    inner.registerDataHandler(foreign)
    unwrap(wrap(inner, [mark('a')]))
    expect(inner.dataHandler).toBe(foreign)
    const other = wrap(inner, [mark('b')])
    other.registerMoneyHandler(() => Promise.resolve())
    unwrap(wrap(inner, [mark('a')]))
    expect(inner.moneyHandler).toBeTypeOf('function')
  })

  it('go on when a middleware’s dispose throws', () => {
    const lines: unknown[][] = []
    const log = { error: (...args: unknown[]) => lines.push(args) } as never
    const bad = middleware({
      dispose: () => {
        throw new Error('no')
      }
    })
    const inner = new FakePlugin()
    expect(unwrap(wrap(inner, [bad], { log }))).toBe(inner)
    expect(lines).toHaveLength(1)
  })

  it('describe a plugin without a class', () => {
    expect(describe(wrap(Object.assign(Object.create(null) as PluginV2, plain()), [])).plugin).toEqual({
      name: 'Object',
      version: undefined
    })
  })

  it('hand over to a shim that stands over another plugin', () => {
    const deeper = {}
    const inner = Object.assign(new FakePlugin(), { [Symbol.for('@ilp-wrap/dispose')]: () => deeper })
    expect(unwrap(wrap(inner, []))).toBe(deeper)
  })
})

/** A plugin without a class. */
function plain(): PluginV2 {
  const nothing = (): Promise<never> => Promise.reject(new Error('plain'))
  const ignore = (): undefined => undefined
  return {
    connect: nothing,
    disconnect: nothing,
    isConnected: () => false,
    sendData: nothing,
    sendMoney: nothing,
    registerDataHandler: ignore,
    deregisterDataHandler: ignore,
    registerMoneyHandler: ignore,
    deregisterMoneyHandler: ignore,
    on: ignore,
    once: ignore,
    removeListener: ignore,
    emit: ignore
  }
}
