import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { describe as descriptionOf } from '@ilp-wrap/core'
import type { PluginServices, PluginV2 } from '@ilp-wrap/core'
import { describe, expect, it } from 'vitest'
import { ConnectorPlugin } from '../src/plugin.js'
import type { PluginConfig } from '../src/plugin.js'
import * as module from '../src/plugin.js'
import { Modules } from '../src/config/modules.js'
import { pluginFrom } from '../src/config/plugin.js'

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
const plugins = fixture('plugins.cjs')

/** What a fixture plugin and its class show of themselves. */
interface Fixture extends PluginV2 {
  readonly made: { options: unknown; services: unknown }
  getAdminInfo(): Promise<unknown>
}

// JSON is what a connector reads: types must not get in the way of what it may say
const make = (config: object, services?: PluginServices): Fixture =>
  new ConnectorPlugin(
    JSON.parse(JSON.stringify({ plugin: `${plugins}#Version2`, ...config })) as PluginConfig,
    services
  ) as Fixture

const list = (plugin: PluginV2): string[] => descriptionOf(plugin).middleware.map(({ name }) => name)

function messageOf(config: unknown, services?: unknown): string {
  try {
    new ConnectorPlugin(config as never, services as never)
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`
  }
  return 'no error'
}

const messageFor = (config: object): string => messageOf({ plugin: `${plugins}#Version2`, ...config })

describe('the plugin class', () => {
  it('is a class of version 2, as the default export and as what require() gives', () => {
    expect(ConnectorPlugin.version).toBe(2)
    expect(module.default).toBe(ConnectorPlugin)
    expect(module['module.exports']).toBe(ConnectorPlugin)
  })

  it('makes the plugin that JSON describes, with the middleware around it', async () => {
    const plugin = make({ middleware: ['retry', ['balance', { maximum: '1000000' }], 'logging'], account: 'alice' })
    expect(descriptionOf(plugin)).toMatchObject({ account: 'alice', plugin: { name: 'Version2', version: 2 } })
    expect(list(plugin)).toEqual(['retry', 'balance', 'logging'])
    expect((plugin.constructor as { version?: number }).version).toBe(2)
    await plugin.connect()
    expect(await plugin.sendData(Buffer.from('data'))).toEqual(Buffer.from('data'))
    expect(await plugin.getAdminInfo()).toEqual({ connected: true })
    await plugin.disconnect()
  })

  it('gives the plugin its options and the services, and the middleware the services', async () => {
    const lines: unknown[] = []
    const write = (...line: unknown[]): void => void lines.push(line)
    const log = { debug: write, info: write, warn: write, error: write }
    const store = { get: () => Promise.resolve(undefined), put: () => Promise.resolve(), del: () => Promise.resolve() }
    const services = { store, log }
    const plugin = new ConnectorPlugin(
      // as ilp-connector 23 calls it
      {
        _store: store,
        _log: log,
        plugin: `${plugins}#Version2`,
        options: { rate: 1 },
        middleware: ['logging']
      } as never,
      services
    ) as Fixture
    expect(plugin.made.options).toEqual({ _store: store, _log: log, rate: 1 })
    expect(plugin.made.services).toBe(services)
    await plugin.connect()
    expect(lines).toHaveLength(1)
    expect(make({}).made).toEqual({ options: {}, services: undefined })
  })

  it('shows no options when it is printed', () => {
    const plugin = make({ options: { secret: 'canary', token: 'canary' }, middleware: ['logging'] })
    expect(JSON.stringify({ plugin })).not.toContain('canary')
  })

  it('throws what the constructor of RFC 0024 throws', () => {
    expect(messageOf(undefined)).toBe('TypeError: Expected the options of a plugin to be an object')
    expect(messageOf({}, 'services')).toBe('TypeError: Expected the services of a plugin to be an object or undefined')
    expect(messageOf({})).toBe(
      'InvalidFieldsError: Expected `plugin` to be a string that is not empty, got `undefined`'
    )
  })

  it('lets what the constructor of the plugin throws pass as it is', () => {
    const { Refusing } = createRequire(import.meta.url)(plugins) as { Refusing: { error: Error } }
    let thrown: unknown
    try {
      make({ plugin: `${plugins}#Refusing` })
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBe(Refusing.error)
  })
})

describe('the plugin', () => {
  it.each([
    ['a CommonJS package', 'ilp-plugin-mirror', 'Plugin'],
    ['a package that was compiled to CommonJS', 'ilp-plugin-btp', 'AbstractBtpPlugin'],
    ['an ES module by its path', fixture('modern-plugin.mjs'), 'ModernPlugin']
  ])('may be %s', (_, specifier, name) => {
    expect(descriptionOf(make({ plugin: specifier })).plugin.name).toBe(name)
  })

  it('of version 1 gets compat() by itself, once', () => {
    const plugin = `${plugins}#Version1`
    expect(list(make({ plugin, middleware: ['retry'] }))).toEqual(['compat', 'retry'])
    expect(list(make({ plugin, middleware: [['compat', { transfers: 'iou' }], 'retry'] }))).toEqual(['compat', 'retry'])
    expect(list(make({ plugin }))).toEqual(['compat'])
    const withAll = (options: object): string[] =>
      list(make({ plugin, middleware: [['recommended', { balance: { maximum: '0' }, ...options }]] }))
    for (const names of [withAll({}), withAll({ compat: false })]) {
      expect(names.filter((each) => each === 'compat')).toHaveLength(1)
      expect(names[0]).toBe('compat')
    }
  })

  it('that lives once is made afresh to connect again', async () => {
    const plugin = make({ renewable: true, options: { secret: 'canary' } })
    const first = plugin.made
    await plugin.connect()
    await plugin.disconnect()
    await plugin.connect()
    expect(plugin.made).not.toBe(first)
    expect(plugin.made).toEqual(first)
    expect(descriptionOf(make({ renewable: false })).plugin.name).toBe('Version2')
    await plugin.disconnect()
  })

  it('is found from the working directory first, paths from there alone', () => {
    const folder = fileURLToPath(new URL('fixtures/index.js', import.meta.url))
    const modules = new Modules([folder, fileURLToPath(import.meta.url)])
    const from = (specifier: string): PluginV2 => pluginFrom('', { plugin: specifier }, { modules })
    expect(descriptionOf(from('./modern-plugin.mjs')).plugin.name).toBe('ModernPlugin')
    expect(descriptionOf(from('ilp-plugin-mirror')).plugin.name).toBe('Plugin')
    expect(() => from('./fixtures/modern-plugin.mjs')).toThrow('is not installed')
  })
})

describe('a middleware', () => {
  it('may be named with the scope of its package', () => {
    const middleware = [['@ilp-wrap/balance', { maximum: 'Infinity', minimum: '-Infinity' }]]
    expect(list(make({ middleware }))).toEqual(['balance'])
  })

  it.each([
    ['its own name', fixture('add-byte.mjs')],
    ['the name that is asked for', `${fixture('add-byte.mjs')}#addByte`]
  ])('may be any module that exports a factory, by %s', async (_, name) => {
    const plugin = make({ middleware: [[name, { byte: 1 }], name] })
    expect(await plugin.sendData(Buffer.of(9))).toEqual(Buffer.of(9, 0, 1))
  })
})

describe('a mistake in the configuration', () => {
  const balance = (options: object): object => ({ middleware: ['retry', ['balance', options]] })
  const other = (options: object): object => ({ middleware: [[fixture('add-byte.mjs'), options]] })

  it.each<[string, object, string | RegExp]>([
    [
      'an unknown field',
      { middlewares: [] },
      'Unknown option `middlewares`, expected one of `plugin`, `options`, `middleware`, `account`, `renewable`'
    ],
    ['options that are none', { options: 'x' }, 'Expected `options` to be an object, got a string'],
    ['a list that is none', { middleware: 'retry' }, 'Expected `middleware` to be an array, got a string'],
    [
      'an entry that is none',
      { middleware: [5] },
      'Expected `middleware[0]` to be a string that is not empty, got `5` (number)'
    ],
    [
      'an entry without its options',
      { middleware: [['retry']] },
      'Expected `middleware[0]` to be a name, or an array of a name and its options, got an array'
    ],
    [
      'a name that is none',
      { middleware: [[1, {}]] },
      'Expected `middleware[0][0]` to be a string that is not empty, got `1` (number)'
    ],
    [
      'no options where some are needed',
      { middleware: ['balance'] },
      'Expected `middleware[0][1].maximum` to be a string of decimal digits, zero or more, or "Infinity", got `undefined`'
    ],
    [
      'an amount that is a number',
      balance({ maximum: 1000000 }),
      'Expected `middleware[1][1].maximum` to be a string of decimal digits, zero or more, or "Infinity", got `1000000` (number)'
    ],
    [
      'an amount of the wrong sign',
      balance({ maximum: '0', minimum: '1' }),
      'Expected `middleware[1][1].minimum` to be a string of decimal digits, zero or less, or "-Infinity", got `1` (string)'
    ],
    [
      'an unknown option',
      { middleware: [['expire', { reduce: 1 }]] },
      'Unknown option `middleware[0][1].reduce`, expected one of `middleware[0][1].incoming`'
    ],
    [
      'an option out of bounds, in depth',
      { middleware: [['retry', { budget: { tokens: 0 } }]] },
      'Expected `middleware[0][1].budget.tokens` to be a whole number from 1 to 1000000, got `0` (number)'
    ],
    [
      'a list with a wrong item',
      { middleware: [['retry', { codes: ['T00', 'F00'] }]] },
      'Expected `middleware[0][1].codes[1]` to be a code from "T00" to "T99", got `F00` (string)'
    ],
    [
      'what is neither an object nor false',
      { middleware: [['retry', { reconnect: true }]] },
      'Expected `middleware[0][1].reconnect` to be an object or false, got `true` (boolean)'
    ],
    [
      'options that do not go together',
      balance({ maximum: '0', settleThreshold: '5' }),
      '`middleware[1]`: Expected `settleTo` to be at least `settleThreshold`, 5, got `0` (bigint)'
    ],
    ['options of a module that are none', other([]), 'Expected `middleware[0][1]` to be an object, got an array'],
    ['what a factory throws', other({ fail: 'option' }), /^InvalidFieldsError: `middleware\[0\]`: no such byte$/],
    ['what a middleware throws', other({ fail: 'plugin' }), '`middleware[0]`: no such plugin'],
    [
      'what makes no middleware',
      other({ money: true }),
      'Expected `middleware[0]` to be the name of a middleware factory, got `money` (string)'
    ],
    [
      'a middleware that is not there',
      { middleware: ['rateLimit'] },
      /^InvalidFieldsError: Expected `middleware\[0\]` to be one of `.+, got `rateLimit`, which is not installed/
    ],
    [
      'a plugin that is not there',
      { plugin: 'ilp-plugin-none' },
      /Expected `plugin` to be .+, got `ilp-plugin-none`, wh/
    ],
    [
      'a path that is not there',
      { plugin: './none.js' },
      /got `.\/none.js`, which is not installed \(looked from [^,]+\)/
    ],
    ['an export that is not there', { plugin: `${plugins}#None` }, /plugins.cjs` exports no function `None`$/],
    ['an export that is no function', { plugin: `${plugins}#text` }, /exports no function `text`$/],
    ['a module that exports no class', { plugin: plugins }, /plugins.cjs` exports no function$/],
    [
      'a class of something else',
      { plugin: `${plugins}#Nothing` },
      /Expected `plugin` to be .+ installed plugin class, got/
    ],
    [
      'a function that is no class',
      { plugin: `${plugins}#arrow` },
      /Expected `plugin` to be .+ installed plugin class, got/
    ],
    [
      'books that are shared without an account',
      balance({ maximum: '0', ledger: { level: { location: 'nowhere' } } }),
      /^InvalidServicesError: `middleware\[1\]`: .+`account`/
    ],
    ['a module that is not exported', { plugin: 'ilp-wrap/none' }, /`plugin`: `ilp-wrap\/none` could not be loaded/],
    ['a module that fails', { plugin: fixture('broken.cjs') }, /^InvalidFieldsError: `plugin`: .+ could not be loaded/],
    ['a module that must be awaited', { plugin: fixture('awaits.mjs') }, /^InvalidFieldsError: `plugin`: .+ await/],
    [
      'a v1 plugin that is to be renewed',
      { plugin: `${plugins}#Version1`, renewable: true },
      'Expected `renewable` to be false, as the plugin is of version 1, got `true` (boolean)'
    ]
  ])('is told with its place: %s', (_, config, message) => {
    if (message instanceof RegExp) expect(messageFor(config)).toMatch(message)
    else expect(messageFor(config)).toContain(`: ${message}`)
  })

  it('keeps the error of the middleware as its cause, and its code', () => {
    const code = 'ILP_WRAP_INVALID_OPTION'
    expect(() => make(balance({ maximum: '0', settleTo: '1' }))).toThrow(
      expect.objectContaining({ code, cause: expect.objectContaining({ code }) as unknown })
    )
  })

  it('is told from the place on where the configuration stands', () => {
    expect(() => pluginFrom('left', { middleware: [] })).toThrow('Expected `left.plugin` to be a string')
    expect(() => pluginFrom('left', { plugin: 'none' })).toThrow('Expected `left.plugin` to be the name')
  })
})
