import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { catalog } from '../src/config/catalog.js'
import { middlewareKind, middlewareOf } from '../src/config/middleware.js'
import type { Named } from '../src/config/middleware.js'
import { Modules } from '../src/config/modules.js'
import { pluginSchema } from '../src/config/schema.js'

/**
 * The schema, the reading of the configuration and the options of the middleware themselves say the same: each option of
 * each middleware is given each of many values, and all three must take or refuse it.
 */

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
}

const modules = new Modules()
const ajv = new Ajv({ strict: true, allowUnionTypes: true })
const isValid = ajv.compile(pluginSchema())

const valueList: unknown[] = [
  ...[
    null,
    true,
    false,
    [],
    {},
    [1],
    ['T00'],
    ['F00'],
    ['T0'],
    { extra: 1 },
    { extra: 'x' },
    { le: 'x' },
    { '1': 'x' },
    [0.1, 1]
  ],
  ...[-1, 0, 0.5, 1, 2, 1000, 1001, 1_000_001, 3_600_001, 10_000_001, 2 ** 31 - 1, 2 ** 31, 2 ** 53, 1e300],
  ...['0', '1', '-1', '-0', '01', '1.5', '1e3', ' 1', '', 'x', 'Infinity', '-Infinity'],
  ...[2n ** 64n - 1n, 2n ** 64n, -(2n ** 70n)].map(String),
  ...[
    'test.alice',
    'settle',
    'iou',
    'auto',
    'transfer',
    'request',
    'F00',
    'T00',
    'reject',
    'wait',
    'debug',
    'info',
    'warn',
    'error'
  ]
]

/** What must stand beside an option so that nothing but its own value decides. */
const beside: Record<string, object> = {
  'circuit-breaker maxHalfOpenAfterMs': { halfOpenAfterMs: 1 },
  'balance settleThreshold': { settleTo: '1'.padEnd(40, '0') },
  'rate-limit incoming.refillMs': { capacity: 1 },
  'rate-limit outgoing.refillMs': { capacity: 1 },
  'rate-limit peer.refillMs': { capacity: 1 }
}

let places = 0

const required: Record<string, object> = {
  // each its own, since two that differ must not share one
  'balance ledger.level': {
    get location() {
      return `place ${places++}`
    }
  },
  'balance ledger.redis': {
    get url() {
      return `redis://place-${places++}`
    }
  },
  balance: { maximum: 'Infinity' },
  'max-packet-amount': { maximum: '1' },
  'throughput incoming': { amount: '1' },
  'throughput outgoing': { amount: '1' },
  'rate-limit money': { capacity: 1, refillCount: 1, refillMs: 1 }
}

function pathsOf(schema: Schema, path: string[] = []): string[][] {
  return [
    ...(path.length > 0 ? [path] : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, each]) => pathsOf(each, [...path, name])),
    ...(schema.anyOf ?? []).flatMap((each) => pathsOf(each, path).slice(path.length > 0 ? 1 : 0))
  ]
}

/** The options with one value at a path, and around it what else is needed. */
function optionsWith(name: string, path: string[], value: unknown): object {
  const around = (depth: number): object => {
    const key = [name, path.slice(0, depth).join('.')].filter((part) => part !== '').join(' ')
    const rest = depth === path.length - 1 ? beside[`${name} ${path.join('.')}`] : {}
    const inner = depth === path.length - 1 ? value : around(depth + 1)
    return { ...required[key], ...rest, [path[depth] as string]: inner }
  }
  return around(0)
}

/** As somebody would write them in code. */
function inCode(value: unknown): unknown {
  if (value === 'Infinity' || value === '-Infinity') return Number(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(inCode)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, inCode(each)]))
}

function passes(call: () => unknown): boolean {
  try {
    call()
    return true
  } catch {
    return false
  }
}

const bySchema = (name: string, options: object): boolean => isValid({ plugin: 'p', middleware: [[name, options]] })
const byConfig = (name: string, options: object): boolean =>
  passes(() => middlewareOf(middlewareKind.read('', [name, options]) as Named, modules))
const byFactory = (name: string, options: object): boolean =>
  // the word may be meant as such
  [inCode(options), options].some((each) => passes(() => catalog.get(name)?.make(each as never)))

it('the schema that is published is that of the sources', () => {
  const file = new URL('../schema/plugin.schema.json', import.meta.url)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(pluginSchema())
})

describe.each([...catalog.keys()])('the options of %s', (name) => {
  const paths = pathsOf(definition(name))

  it('have a path for each option', () => {
    expect(paths.length).toBeGreaterThan(0)
  })

  it.each(paths.map((path) => [path.join('.'), path] as const))('agree on %s', (_, path) => {
    const isAmount = ['0', '1', '-1'].some((digits) => byFactory(name, optionsWith(name, path, digits)))
    for (const value of valueList) {
      const options = optionsWith(name, path, value)
      const accepted = bySchema(name, options)
      expect([value, byConfig(name, options)]).toEqual([value, accepted])
      // code may write an amount as a number, and null for what is absent; JSON may not
      if (value === null || (isAmount && typeof value === 'number')) expect([value, accepted]).toEqual([value, false])
      // code has a store there
      else if (path[0] !== 'ledger') expect([value, byFactory(name, options)]).toEqual([value, accepted])
    }
  })

  it('have no other names', () => {
    const options = { ...required[name], canary: 1 }
    expect([bySchema(name, options), byConfig(name, options), byFactory(name, options)]).toEqual([false, false, false])
  })
})

function definition(name: string): Schema {
  return (pluginSchema()['definitions'] as Record<string, Schema>)[name] as Schema
}
