/**
 * Checks of options, each naming the option, what was expected and what came. They run once, when a middleware is made.
 */
import { InvalidFieldsError } from './errors.js'

/** Throws the error of a bad option: ``Expected `maximum` to be …, got `-1` (number)``. */
export function badOption(name: string, expected: string, value: unknown): never {
  throw new InvalidFieldsError(`Expected \`${name}\` to be ${expected}, got ${print(value)}`, {
    code: 'ILP_WRAP_INVALID_OPTION'
  })
}

/** As `badOption`, where parts are expected: a string in their place may be any secret, and is not shown. */
export function badParts(name: string, expected: string, value: unknown): never {
  if (typeof value !== 'string') badOption(name, expected, value)
  throw new InvalidFieldsError(`Expected \`${name}\` to be ${expected}, got a string`, {
    code: 'ILP_WRAP_INVALID_OPTION'
  })
}

/** Refuses what is no plain options object, and names that are not in `known`. `undefined` counts as `{}`. */
export function known<T extends object>(options: T | undefined, names: readonly (keyof T & string)[], path = ''): T {
  if (options === undefined) return {} as T
  if (typeof options !== 'object' || (options as unknown) === null || Array.isArray(options)) {
    badParts(path === '' ? 'options' : path, 'an object', options)
  }
  const prefix = path === '' ? '' : `${path}.`
  for (const name of Object.keys(options)) {
    if ((names as readonly string[]).includes(name)) continue
    throw new InvalidFieldsError(
      `Unknown option \`${prefix}${name}\`, expected one of ${names.map((n) => `\`${prefix}${n}\``).join(', ')}`,
      { code: 'ILP_WRAP_UNKNOWN_OPTION' }
    )
  }
  return options
}

/** An amount of base units as a caller may write it. */
export type Amount = bigint | string | number

/** An amount as a bigint. Takes a bigint, a string of decimal digits (with a sign), or a safe integer. */
export function amount(name: string, value: unknown, bounds: { min?: bigint; max?: bigint } = {}): bigint {
  const parsed = parseAmount(value)
  if (parsed === undefined) badOption(name, 'a bigint or an integer string', value)
  if (bounds.min !== undefined && parsed < bounds.min) badOption(name, `at least ${bounds.min.toString()}`, value)
  if (bounds.max !== undefined && parsed > bounds.max) badOption(name, `at most ${bounds.max.toString()}`, value)
  return parsed
}

function parseAmount(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'string' && /^-?(0|[1-9][0-9]*)$/.test(value)) return BigInt(value)
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  return undefined
}

/** A whole number within bounds, both included. */
export function integer(name: string, value: unknown, bounds: { min?: number; max?: number } = {}): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = bounds
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value
  badOption(name, range('a whole number', min, max), value)
}

/** A finite number within bounds, both included. */
export function number(name: string, value: unknown, bounds: { min?: number; max?: number } = {}): number {
  const { min = 0, max = Number.MAX_VALUE } = bounds
  if (typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max) return value
  badOption(name, range('a number', min, max), value)
}

/** A span of time in milliseconds: a finite number, zero or more. */
export function milliseconds(name: string, value: unknown, bounds: { min?: number; max?: number } = {}): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = bounds
  if (typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max) return value
  badOption(name, range('a number of milliseconds', min, max), value)
}

export function boolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  badOption(name, 'a boolean', value)
}

export function string(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  badOption(name, 'a string', value)
}

/** One of a few strings. */
export function choice<const T extends string>(name: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((c) => c === value)
  if (found !== undefined) return found
  badOption(name, choices.map((c) => `'${c}'`).join(' or '), value)
}

/** A function; its signature is the caller's promise. */
export function callable<T extends (...args: never[]) => unknown>(name: string, value: T): T {
  if (typeof value === 'function') return value
  badOption(name, 'a function', value)
}

function range(what: string, min: number, max: number): string {
  if (max >= Number.MAX_SAFE_INTEGER) return min === 0 ? `${what}, zero or more` : `${what}, at least ${min}`
  return `${what} from ${min} to ${max}`
}

/** A text without the credentials that an address in it may hold, `btp+ws://:token@host`. */
export function withoutUserinfo(text: string): string {
  // to the last @, as a password may hold what should have been escaped; but the path of a file is no address
  return text.replace(/(?<!\/)\/\/(?!\/).+@/s, '//***@')
}

/** A value as it stands in an error: `-1` (number). Objects are named by kind only, since they may hold secrets. */
export function print(value: unknown): string {
  if (value === null || value === undefined) return `\`${String(value)}\``
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object'
  if (typeof value === 'function') return 'a function'
  // eslint-disable-next-line @typescript-eslint/no-base-to-string -- objects have left above
  const text = withoutUserinfo(String(value))
  return `\`${text.length > 60 ? `${text.slice(0, 60)}…` : text}\` (${typeof value})`
}
