import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidFieldsError } from '../src/errors.js'
import {
  amount,
  badOption,
  boolean,
  callable,
  choice,
  integer,
  known,
  milliseconds,
  number,
  print,
  string
} from '../src/options.js'

/** The error of a check, which must be one of a bad option. */
function failure(check: () => unknown): { message: string; code: string | undefined } {
  try {
    check()
  } catch (error) {
    if (!(error instanceof InvalidFieldsError)) throw error
    return { message: error.message, code: error.code }
  }
  return expect.fail('it was accepted')
}

/** Values of every kind, none of which is a number, a bigint or a string of digits. */
const FOREIGN = [undefined, null, true, '', 'ten', {}, [], () => 1, Symbol('ten'), NaN, Infinity, -Infinity]

describe('a bad option', () => {
  it('is named with what was expected and what came', () => {
    expect(failure(() => amount('maximum', -1.5))).toEqual({
      message: 'Expected `maximum` to be a bigint or an integer string, got `-1.5` (number)',
      code: 'ILP_WRAP_INVALID_OPTION'
    })
    expect(failure(() => badOption('store', 'a store', 5)).message).toBe(
      'Expected `store` to be a store, got `5` (number)'
    )
  })

  it('is a fault of the caller: F01 to a connector', () => {
    expect(() => string('account', 5)).toThrow(expect.objectContaining({ ilpErrorCode: 'F01' }))
  })
})

describe('print', () => {
  // a configuration that was wrong put the password of a link on standard error
  it('shows no credentials of an address, wherever it is cut', () => {
    expect(print('redis://:hunter2@host:1')).toBe('`redis://***@host:1` (string)')
    expect(print('btp+ws://a:p@ss/w:rd 1@host')).toBe('`btp+ws://***@host` (string)')
    expect(print(`wss://user:${'x'.repeat(80)}@host`)).toBe('`wss://***@host` (string)')
    for (const harmless of ['redis://host:1', 'file:///modules/@ilp-wrap/retry', 'a@b', '@ilp-wrap/retry']) {
      expect(print(harmless)).toBe(`\`${harmless}\` (string)`)
    }
  })

  it('shows a value with its type', () => {
    expect([undefined, null, 5n, -0.5, 'text', true, Symbol('s')].map(print)).toEqual([
      '`undefined`',
      '`null`',
      '`5` (bigint)',
      '`-0.5` (number)',
      '`text` (string)',
      '`true` (boolean)',
      '`Symbol(s)` (symbol)'
    ])
  })

  it('shows nothing of what is in an object, an array or a function', () => {
    const secret = 'token'
    const shown = [{ secret }, [secret], () => secret, new Map([[secret, secret]])].map(print)
    expect(shown).toEqual(['an object', 'an array', 'a function', 'an object'])
  })

  it('cuts off what is long', () => {
    expect(print('x'.repeat(60))).toBe(`\`${'x'.repeat(60)}\` (string)`)
    expect(print('x'.repeat(61))).toBe(`\`${'x'.repeat(60)}…\` (string)`)
  })
})

describe('known', () => {
  interface Options {
    incoming?: boolean
    outgoing?: boolean
  }
  const check = (options: unknown, path?: string) => known(options as Options, ['incoming', 'outgoing'], path)

  it('gives the options as they are', () => {
    const options = { incoming: true }
    expect(check(options)).toBe(options)
    expect(check(undefined)).toEqual({})
    expect(check(Object.assign(Object.create(null), { outgoing: false }))).toEqual({ outgoing: false })
  })

  it('refuses what is no object', () => {
    for (const value of [null, [], 5, 'text', false, () => 1]) {
      const got = typeof value === 'string' ? 'a string' : print(value)
      expect(failure(() => check(value)).message).toBe(`Expected \`options\` to be an object, got ${got}`)
      expect(failure(() => check(value, 'incoming')).message).toContain('Expected `incoming` to be an object')
    }
  })

  it('refuses a name that it does not know, and says which it knows', () => {
    expect(failure(() => check({ incoming: true, outgoign: true }))).toEqual({
      message: 'Unknown option `outgoign`, expected one of `incoming`, `outgoing`',
      code: 'ILP_WRAP_UNKNOWN_OPTION'
    })
    expect(failure(() => check({ x: undefined }, 'limits')).message).toBe(
      'Unknown option `limits.x`, expected one of `limits.incoming`, `limits.outgoing`'
    )
    // names that every object has
    expect(failure(() => check({ constructor: 1 })).message).toContain('`constructor`')
    expect(failure(() => check(JSON.parse('{"__proto__": 1}'))).message).toContain('`__proto__`')
  })
})

describe('amount', () => {
  it('takes bigints, strings of digits and safe integers, exactly', () => {
    const property = fc.property(fc.bigInt(-(2n ** 80n), 2n ** 80n), (value) => {
      expect(amount('a', value)).toBe(value)
      expect(amount('a', value.toString())).toBe(value)
    })
    fc.assert(property, { numRuns: 1000, seed: 24 })
    const safe = fc.property(fc.maxSafeInteger(), (value) => {
      expect(amount('a', value)).toBe(BigInt(value))
    })
    fc.assert(safe, { numRuns: 1000, seed: 24 })
  })

  it('refuses what does not say an exact amount', () => {
    const texts = ['1.5', '1e3', ' 1', '1 ', '01', '+1', '0x10', '1_000', '--1', '-', '1n', '١', '1\n']
    for (const value of [...FOREIGN, ...texts, 1.5, 2 ** 53, -(2 ** 53), 1e21]) {
      expect(failure(() => amount('maximum', value)).message).toContain('`maximum` to be a bigint or an integer string')
    }
  })

  it('keeps to its bounds, both included', () => {
    const bounds = { min: -5n, max: 5n }
    expect([-5, '5', 0n].map((value) => amount('a', value, bounds))).toEqual([-5n, 5n, 0n])
    expect(failure(() => amount('a', -6n, bounds)).message).toBe('Expected `a` to be at least -5, got `-6` (bigint)')
    expect(failure(() => amount('a', '6', bounds)).message).toBe('Expected `a` to be at most 5, got `6` (string)')
  })
})

describe('integer, number and milliseconds', () => {
  const checks = { integer, number, milliseconds }

  it('take what lies within their bounds, both included', () => {
    for (const check of Object.values(checks)) {
      expect([0, 1, 2 ** 31, Number.MAX_SAFE_INTEGER].map((value) => check('n', value))).toEqual([
        ...[0, 1, 2 ** 31, Number.MAX_SAFE_INTEGER]
      ])
      expect([-3, 3].map((value) => check('n', value, { min: -3, max: 3 }))).toEqual([-3, 3])
      for (const value of [-4, 4]) failure(() => check('n', value, { min: -3, max: 3 }))
      failure(() => check('n', -1))
      failure(() => check('n', 2.9, { min: 3 }))
    }
  })

  it('refuse what is no number, or none that can be counted with', () => {
    for (const check of Object.values(checks)) {
      for (const value of [...FOREIGN, '1', 1n]) failure(() => check('n', value))
    }
  })

  it('differ in fractions and in what is too great to be exact', () => {
    expect(number('n', 0.5)).toBe(0.5)
    expect(milliseconds('n', 0.5)).toBe(0.5)
    expect(failure(() => integer('n', 0.5)).message).toBe(
      'Expected `n` to be a whole number, zero or more, got `0.5` (number)'
    )
    expect(number('n', 1e300)).toBe(1e300)
    failure(() => integer('n', 2 ** 53))
    failure(() => milliseconds('n', 1e300))
  })

  it('say which bounds they have', () => {
    expect(failure(() => milliseconds('n', -1)).message).toContain('a number of milliseconds, zero or more')
    expect(failure(() => number('n', -1, { min: 1 })).message).toContain('a number, at least 1')
    expect(failure(() => integer('n', 9, { max: 8 })).message).toContain('a whole number from 0 to 8')
  })
})

describe('boolean, string, choice and callable', () => {
  it('take values of their kind', () => {
    expect([true, false].map((value) => boolean('b', value))).toEqual([true, false])
    expect(string('s', '')).toBe('')
    expect(choice('mode', 'wait', ['reject', 'wait'])).toBe('wait')
    const key = () => 'key'
    expect(callable('key', key)).toBe(key)
  })

  it('refuse all others', () => {
    expect(failure(() => boolean('b', 0)).message).toContain('`b` to be a boolean')
    expect(failure(() => string('s', 5)).message).toContain('`s` to be a string')
    expect(failure(() => choice('mode', 'Wait', ['reject', 'wait'])).message).toBe(
      "Expected `mode` to be 'reject' or 'wait', got `Wait` (string)"
    )
    expect(failure(() => choice('mode', undefined, ['reject', 'wait'])).message).toContain('got `undefined`')
    expect(failure(() => callable('key', 'key' as unknown as () => string)).message).toContain('`key` to be a function')
  })
})
