import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  InvalidServicesError,
  defineMiddleware,
  describe as describePlugin,
  unwrap,
  wrap,
  wrapClass
} from '../src/index.js'
import type { PluginServices, Wrapped } from '../src/index.js'
import { FakePlugin } from './fake-plugin.js'

class Rich extends FakePlugin {
  #secret = 'secret'
  field = 1
  readonly Inner = class {
    value = 5
  }

  get secret(): string {
    return this.#secret
  }

  set secret(value: string) {
    this.#secret = value
  }

  getAdminInfo(...args: unknown[]): unknown[] {
    return [this.#secret, ...args]
  }

  chain(): this {
    return this
  }

  self(): unknown {
    return this
  }
}

function setup(): { inner: Rich; plugin: Wrapped<Rich> } {
  const inner = new Rich()
  const nothing = defineMiddleware({ name: 'nothing', place: {} }, () => ({}))
  return { inner, plugin: wrap(inner, [nothing, nothing]) }
}

describe('the other members of the inner plugin', () => {
  it('are reachable, with `this` the inner plugin, private fields and getters included', () => {
    const { inner, plugin } = setup()
    expect(plugin.getAdminInfo(1, 2)).toEqual(['secret', 1, 2])
    expect(plugin.secret).toBe('secret')
    expect(plugin.field).toBe(1)
    inner.field = 2
    Object.assign(inner, { later: () => inner.field })
    expect(plugin.field).toBe(2)
    expect((plugin as unknown as { later(): number }).later()).toBe(2)
    expect((plugin as unknown as { missing: unknown }).missing).toBeUndefined()
  })

  it('are written to the inner plugin', () => {
    const { inner, plugin } = setup()
    plugin.field = 7
    plugin.secret = 'other'
    Object.assign(plugin, { fresh: 1 })
    expect([inner.field, inner.secret, (inner as unknown as { fresh: number }).fresh]).toEqual([7, 'other', 1])
    expect(Object.keys(plugin)).toEqual([])
    const frozen = wrap<Rich>(Object.freeze(new Rich()) as Rich, [])
    expect(() => {
      frozen.field = 5
    }).toThrow(TypeError)
  })

  it('keep their identity as methods, and what hangs on them', () => {
    const { plugin, inner } = setup()
    expect(plugin.getAdminInfo).toBe(plugin.getAdminInfo)
    expect(plugin.getAdminInfo.name).toBe('getAdminInfo')
    expect(new plugin.Inner().value).toBe(5)
    const { self } = plugin
    expect(self()).toBeUndefined()
    expect(self.call(inner)).toBe(plugin)
  })

  it('that return the inner plugin return the wrapped one', () => {
    const { plugin } = setup()
    expect(plugin.chain()).toBe(plugin)
    expect(plugin.chain().chain().getAdminInfo()).toEqual(['secret'])
  })

  it('end with unwrap', () => {
    const { plugin } = setup()
    expect(plugin.field).toBe(1)
    unwrap(plugin)
    expect(plugin.field).toBeUndefined()
  })

  it('are not looked up for what only inherits from a wrapped plugin', () => {
    const { plugin } = setup()
    const heir = Object.create(plugin) as Rich
    expect(heir.field).toBeUndefined()
    expect(() => {
      'use strict'
      heir.field = 1
    }).toThrow(TypeError)
  })
})

describe('a wrapped plugin', () => {
  it('says version 2 and shows nothing enumerable', () => {
    const { plugin } = setup()
    expect((plugin.constructor as unknown as { version: number }).version).toBe(2)
    const keys: string[] = []
    for (const key in plugin) keys.push(key)
    expect(keys).toEqual([])
    expect(Object.getOwnPropertyNames(plugin)).toEqual([])
  })

  it('prints what it is made of, and no secrets', () => {
    const { plugin } = setup()
    expect(inspect(plugin)).toBe('Wrapped<Rich> [nothing, nothing]')
    expect(inspect({ plugin })).not.toContain('secret')
    expect(JSON.stringify(plugin)).not.toContain('secret')
  })
})

describe('wrapClass', () => {
  class Plugin extends FakePlugin {
    static readonly errors = 'static'
    readonly options: object
    readonly services: PluginServices | undefined
    constructor(options: object, services?: PluginServices) {
      super()
      this.options = options
      this.services = services
    }
  }
  const nothing = defineMiddleware({ name: 'nothing', place: {} }, () => ({}))
  const needsStore = defineMiddleware({ name: 'needy', place: {}, needs: ['store'] }, () => ({}))
  const store = { get: () => Promise.resolve(undefined), put: () => Promise.resolve(), del: () => Promise.resolve() }

  it('makes a class of version 2 whose instances are wrapped, with the statics of the class within', () => {
    const Wrapped = wrapClass(Plugin, [nothing], { account: 'alice' })
    expect(Wrapped.version).toBe(2)
    expect((Wrapped as unknown as typeof Plugin).errors).toBe('static')
    const options = {}
    const services = { store }
    const plugin = new Wrapped(options, services) as unknown as Plugin
    expect(describePlugin(plugin)).toMatchObject({ account: 'alice', middleware: [{ name: 'nothing' }] })
    expect([plugin.options, plugin.services]).toEqual([options, services])
    expect(plugin.options).toBe(options)
  })

  it('takes a factory of the list, given the plugin’s own options and services', () => {
    const given: unknown[] = []
    const Wrapped = wrapClass(Plugin, (...args) => {
      given.push(...args)
      return [nothing]
    })
    const options = { a: 1 }
    new Wrapped(options)
    expect(given).toEqual([options, undefined])
  })

  it('checks its arguments as RFC 0024 wants it', () => {
    const Wrapped = wrapClass(Plugin, [needsStore])
    for (const options of [undefined, null, 'x', 5]) expect(() => new Wrapped(options as never)).toThrow(TypeError)
    for (const services of [null, 'x', 5]) expect(() => new Wrapped({}, services as never)).toThrow(TypeError)
    expect(() => new Wrapped({})).toThrow(InvalidServicesError)
    const log = { debug: () => 0, info: () => 0, warn: () => 0, error: () => 0 }
    expect(() => new Wrapped({}, { log })).toThrow(InvalidServicesError)
    expect(() => new Wrapped({}, { store })).not.toThrow()
  })
})
