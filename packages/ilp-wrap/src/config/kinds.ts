/**
 * What a value of the JSON configuration may be: its JSON Schema and how it is read stand together, so that an editor
 * that knows the schema and the program say the same.
 */
import { badOption, badParts, known } from '@ilp-wrap/core/options'

/** A JSON Schema, draft 7. */
export type Schema = Readonly<Record<string, unknown>>

export interface Kind {
  readonly schema: Schema
  /** The value as the program takes it. Throws InvalidFieldsError, which names the `path`. */
  read(path: string, value: unknown): unknown
}

/** A value without parts. */
class Leaf implements Kind {
  readonly schema: Schema
  /** As an error says it: "a whole number, at least 1". */
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
  readonly #convert: (value: never) => unknown

  constructor(
    schema: Schema,
    expected: string,
    accepts: (value: unknown) => boolean,
    convert: (value: never) => unknown = (value) => value
  ) {
    this.schema = schema
    this.expected = expected
    this.accepts = accepts
    this.#convert = convert
  }

  read(path: string, value: unknown): unknown {
    return this.accepts(value) ? this.#convert(value as never) : badOption(path, this.expected, value)
  }

  /** The same, or a word for what JSON cannot write. */
  or(word: string, meaning: number): Leaf {
    return new Leaf(
      { anyOf: [this.schema, { const: word }] },
      `${this.expected}, or "${word}"`,
      (value) => value === word || this.accepts(value),
      (value) => (value === word ? meaning : this.#convert(value))
    )
  }
}

export const boolean: Kind = new Leaf({ type: 'boolean' }, 'a boolean', (value) => typeof value === 'boolean')

export const string: Kind = new Leaf({ type: 'string' }, 'a string', (value) => typeof value === 'string')

export const name: Kind = new Leaf(
  { type: 'string', minLength: 1 },
  'a string that is not empty',
  (value) => typeof value === 'string' && value !== ''
)

/** One of a few values. */
export function choice(...choices: readonly (string | false)[]): Kind {
  const expected = choices.map((each) => JSON.stringify(each)).join(' or ')
  return new Leaf({ enum: choices }, expected, (value) => choices.includes(value as string | false))
}

/** A string of a form; the pattern holds for the whole string where it says so. */
export function matching(pattern: RegExp, expected: string, convert?: (value: string) => unknown): Leaf {
  const accepts = (value: unknown): boolean => typeof value === 'string' && pattern.test(value)
  return new Leaf({ type: 'string', pattern: pattern.source }, expected, accepts, convert)
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Kind {
  const accepts = (value: unknown): boolean => Number.isSafeInteger(value) && isWithin(value as number, min, max)
  return new Leaf({ type: 'integer', minimum: min, maximum: max }, range('a whole number', min, max), accepts)
}

export function number(min: number, max: number, what = 'a number'): Leaf {
  const accepts = (value: unknown): boolean => Number.isFinite(value) && isWithin(value as number, min, max)
  return new Leaf({ type: 'number', minimum: min, maximum: max }, range(what, min, max), accepts)
}

/** A part of a whole, but not none of it. */
export const share: Kind = new Leaf(
  { type: 'number', exclusiveMinimum: 0, maximum: 1 },
  'a number above 0, 1 at most',
  (value) => typeof value === 'number' && value > 0 && value <= 1
)

export function milliseconds(min = 0, max: number = Number.MAX_SAFE_INTEGER): Leaf {
  return number(min, max, 'a number of milliseconds')
}

export type Sign = 'any' | 'zero or more' | 'zero or less' | 'one or more'

/** How an amount of that sign is written. */
const AMOUNTS: Readonly<Record<Sign, RegExp>> = {
  any: /^-?(0|[1-9][0-9]*)$/,
  'zero or more': /^(-?0|[1-9][0-9]*)$/,
  'zero or less': /^(-?0|-[1-9][0-9]*)$/,
  'one or more': /^[1-9][0-9]*$/
}

/** Base units: a string, since a number of JSON is not exact beyond 2^53. */
export function amount(sign: Sign = 'any'): Leaf {
  const expected = `a string of decimal digits${sign === 'any' ? '' : `, ${sign}`}`
  return matching(AMOUNTS[sign], expected, BigInt)
}

/** An object with these fields and no others; `rule` is what its schema says beside. */
export function object(
  fields: Readonly<Record<string, Kind>>,
  required: readonly string[] = [],
  rule: Schema = {}
): Kind {
  const names = Object.keys(fields)
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, fields[name]?.schema])),
      ...(required.length > 0 && { required }),
      additionalProperties: false,
      ...rule
    },
    read(path, value) {
      const given = known(value as Record<string, unknown>, names, path)
      const prefix = path === '' ? '' : `${path}.`
      return Object.fromEntries(
        names
          .filter((name) => name in given || required.includes(name))
          .map((name) => [name, (fields[name] as Kind).read(`${prefix}${name}`, given[name])])
      )
    }
  }
}

/** `false` switches off what the object or array would set up. */
export function orFalse(kind: Kind, what = 'an object'): Kind {
  return {
    schema: { anyOf: [{ const: false }, kind.schema] },
    read(path, value) {
      if (value === false) return false
      return typeof value === 'object' ? kind.read(path, value) : badParts(path, `${what} or false`, value)
    }
  }
}

/** An array; `rule` is what its schema says beside. */
export function list(kind: Kind, rule: Schema = {}): Kind {
  return {
    schema: { type: 'array', items: kind.schema, ...rule },
    read(path, value) {
      if (!Array.isArray(value)) badParts(path, 'an array', value)
      return value.map((each, index) => kind.read(`${path}[${index}]`, each))
    }
  }
}

/** An object that holds what it likes. */
export const anyObject: Kind = {
  schema: { type: 'object' },
  read(path, value) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
    return badParts(path, 'an object', value)
  }
}

function isWithin(value: number, min: number, max: number): boolean {
  return value >= min && value <= max
}

function range(what: string, min: number, max: number): string {
  return max >= Number.MAX_SAFE_INTEGER ? `${what}, at least ${min}` : `${what} from ${min} to ${max}`
}
