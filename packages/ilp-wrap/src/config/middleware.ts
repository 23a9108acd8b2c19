import { InvalidFieldsError, InvalidServicesError } from '@ilp-wrap/core'
import type { ErrorCode, Middleware } from '@ilp-wrap/core'
import { badOption } from '@ilp-wrap/core/options'
import { catalog } from './catalog.js'
import { anyObject, name } from './kinds.js'
import type { Kind, Schema } from './kinds.js'
import { wordsOf } from './modules.js'
import type { Modules } from './modules.js'

/** One of ours by the name of its package, or a module that exports a middleware factory; and what it is made with. */
export type MiddlewareConfig = string | readonly [name: string, options: object]

/** An entry of the list, checked as far as it can be without loading a module. */
export interface Named {
  readonly path: string
  readonly name: string
  readonly options: object | undefined
}

const ours = [...catalog.keys()]
const EXPECTED = `one of ${ours.map((each) => `\`${each}\``).join(', ')}, or the name or path of an installed module`

/** An entry of the list of middleware. */
export const middlewareKind: Kind = {
  schema: schemaOf(),
  read(path, value): Named {
    if (!Array.isArray(value)) return named(path, name.read(path, value) as string, undefined)
    if (value.length !== 2) badOption(path, 'a name, or an array of a name and its options', value)
    return named(path, name.read(`${path}[0]`, value[0]) as string, value[1])
  }
}

/** Our packages are known with their scope, too. */
function named(path: string, given: string, options: unknown): Named {
  const name = given.replace(/^@ilp-wrap\//, '')
  const entry = catalog.get(name)
  if (entry !== undefined) return { path, name, options: entry.options.read(`${path}[1]`, options) as object }
  return {
    path,
    name: given,
    options: options === undefined ? undefined : (anyObject.read(`${path}[1]`, options) as object)
  }
}

/** The middleware of an entry: one, but for `recommended`. */
export function middlewareOf({ path, name, options }: Named, modules: Modules): Middleware[] {
  const make = catalog.get(name)?.make ?? modules.load(path, name, EXPECTED)
  const made: unknown[] = [within<unknown>(path, () => make(options as never))].flat()
  return made.map((each) => {
    if (typeof each !== 'function') badOption(path, 'the name of a middleware factory', each)
    return (plugin, context) => within(path, () => (each as Middleware)(plugin, context))
  })
}

/** What a middleware or plugin itself has against what it is made with, with its place in the configuration. */
export function within<T>(path: string, make: () => T): T {
  try {
    return make()
  } catch (cause) {
    const { name, code } = Object(cause) as { name?: unknown; code?: unknown }
    const Class = name === 'InvalidServicesError' ? InvalidServicesError : InvalidFieldsError
    throw new Class(`\`${path}\`: ${wordsOf(cause)}`, {
      cause,
      ...(typeof code === 'string' && { code: code as ErrorCode })
    })
  }
}

function schemaOf(): Schema {
  const pair = (first: Schema, second: Schema): Schema => ({
    type: 'array',
    items: [first, second],
    minItems: 2,
    additionalItems: false
  })
  const incomplete = ours.filter((each) => catalog.get(each)?.bare === false)
  return {
    anyOf: [
      { type: 'string', minLength: 1, not: { enum: incomplete } },
      ...ours.map((each) => pair({ const: each }, { $ref: `#/definitions/${each}` })),
      pair({ type: 'string', minLength: 1, not: { enum: ours } }, { type: 'object' })
    ]
  }
}
