import { describe, expect, it } from 'vitest'
import { balance, memoryLedger, minimalOptions } from '../src/index.js'
import type { BalanceOptions } from '../src/index.js'

const valid = { maximum: 100n } satisfies BalanceOptions

describe('balance(options)', () => {
  it('takes its minimal options', () => {
    expect(balance(minimalOptions)).toBeTypeOf('function')
  })

  it('takes amounts as bigints, as strings of digits and as whole numbers', () => {
    for (const maximum of [0n, 5n, '5', 5, 0, '18446744073709551616', Infinity]) {
      expect(balance({ maximum })).toBeTypeOf('function')
    }
    for (const minimum of [0n, -5n, '-5', -5, -Infinity]) expect(balance({ ...valid, minimum })).toBeTypeOf('function')
  })

  it('takes all options together', () => {
    const options: Required<BalanceOptions> = {
      maximum: 100n,
      minimum: -100n,
      settleThreshold: -50n,
      settleTo: 0n,
      minimumSettlement: 10n,
      cooldownMs: 5,
      moneyIsFinal: true,
      ledger: memoryLedger(),
      commitMarginMs: 100,
      incoming: true,
      outgoing: true
    }
    expect(balance(options)).toBeTypeOf('function')
  })

  it.each<[string, object, string]>([
    ['no maximum', {}, 'Expected `maximum` to be a bigint or an integer string, got `undefined`'],
    ['a negative maximum', { maximum: -1n }, 'Expected `maximum` to be at least 0, got `-1` (bigint)'],
    [
      'a fraction',
      { maximum: 1.5 },
      'Expected `maximum` to be a bigint, an integer string or Infinity, got `1.5` (number)'
    ],
    ['-Infinity', { maximum: -Infinity }, 'Expected `maximum` to be a bigint, an integer string or Infinity'],
    ['NaN', { maximum: NaN }, 'Expected `maximum` to be a bigint, an integer string or Infinity'],
    // a slip of the sign: 100 would mean that the peer must always owe us 100
    ['a positive minimum', { ...valid, minimum: 100n }, 'Expected `minimum` to be at most 0, got `100` (bigint)'],
    ['an infinite positive minimum', { ...valid, minimum: Infinity }, 'Expected `minimum` to be a bigint'],
    [
      'a threshold that is no amount',
      { ...valid, settleThreshold: 'low' },
      'Expected `settleThreshold` to be a bigint'
    ],
    [
      'a target below the threshold',
      { ...valid, settleThreshold: 10n },
      'Expected `settleTo` to be at least `settleThreshold`, 10, got `0` (bigint)'
    ],
    ['a target above the maximum', { ...valid, settleTo: 101n }, 'Expected `settleTo` to be at most `maximum`, 100'],
    [
      'a threshold that is never passed',
      { ...valid, minimum: -50n, settleThreshold: -50n },
      'Expected `settleThreshold` to be above `minimum`, -50, got `-50` (bigint)'
    ],
    [
      'a settlement that is never reached',
      { ...valid, minimum: -50n, settleThreshold: -10n, minimumSettlement: 51n },
      'Expected `minimumSettlement` to be at most `settleTo` − `minimum`, 50, got `51` (bigint)'
    ],
    ['a settlement of nothing', { ...valid, minimumSettlement: 0n }, 'Expected `minimumSettlement` to be at least 1'],
    ['no cooldown', { ...valid, cooldownMs: 0 }, 'Expected `cooldownMs` to be a number of milliseconds from 1'],
    ['a cooldown that no timer takes', { ...valid, cooldownMs: 2 ** 31 }, 'Expected `cooldownMs`'],
    ['a flag that is none', { ...valid, moneyIsFinal: 'yes' }, 'Expected `moneyIsFinal` to be a boolean'],
    [
      'a ledger that is none',
      { ...valid, ledger: {} },
      'Expected `ledger` to be a LedgerStore with `open` and `close`'
    ],
    ['a null ledger', { ...valid, ledger: null }, 'Expected `ledger` to be a LedgerStore'],
    ['a direction that is no flag', { ...valid, incoming: 1 }, 'Expected `incoming` to be a boolean'],
    ['no direction', { ...valid, incoming: false, outgoing: false }, 'Expected `outgoing` to be true where `incoming`'],
    ['an unknown option', { ...valid, max: 1n }, 'Unknown option `max`'],
    ['no options', undefined as unknown as object, 'Expected `maximum`']
  ])('refuses %s', (_what, options, message) => {
    expect(() => balance(options as BalanceOptions)).toThrow(message)
    expect(() => balance(options as BalanceOptions)).toThrow(
      expect.objectContaining({ name: 'InvalidFieldsError' }) as Error
    )
  })
})
