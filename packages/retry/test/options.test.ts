import { describe, expect, it } from 'vitest'
import { minimalOptions, retry } from '../src/index.js'
import { rulesOf } from '../src/options.js'
import type { RetryOptions } from '../src/index.js'

describe('the options', () => {
  it('have the defaults that their comments name', () => {
    expect(rulesOf(undefined)).toEqual({
      maxAttempts: 3,
      codes: new Set(['T00', 'T01', 'T02', 'T03']),
      retryOn: undefined,
      backoff: { baseMs: 100, maxMs: 2000 },
      busyMs: 1000,
      marginMs: 1000,
      maxElapsedMs: 2000,
      dataTimeoutMs: 10_000,
      budget: { tokens: 10, perSuccess: 0.1 },
      maxWaiting: 1000,
      maxWaitingAmount: undefined,
      connectWaitMs: 2000,
      connectTimeoutMs: 10_000,
      connectBackoff: { baseMs: 100, maxMs: 5000 },
      reconnectAfterMs: 500,
      holdDisconnectMs: 2000,
      resendAmbiguousZeroAmount: false,
      moneyBackoff: { baseMs: 1000, maxMs: 3_600_000 },
      random: Math.random
    })
    expect(rulesOf(minimalOptions)).toEqual(rulesOf(undefined))
    expect(rulesOf({ waitForConnect: {}, reconnect: {}, budget: {}, backoff: {} })).toEqual(rulesOf(undefined))
  })

  it('can switch off what can be done without', () => {
    const rules = rulesOf({ waitForConnect: false, reconnect: false, budget: false, maxElapsedMs: Infinity })
    expect(rules).toMatchObject({ connectWaitMs: undefined, reconnectAfterMs: undefined, budget: undefined })
    expect(rules.maxElapsedMs).toBe(Infinity)
  })

  const bad: [RetryOptions, string][] = [
    [{ maxAttempts: 0 }, 'Expected `maxAttempts` to be a whole number, at least 1, got `0` (number)'],
    [{ maxAttempts: 1.5 }, 'maxAttempts'],
    [{ codes: ['F00'] }, "Expected `codes` to be an array of codes from 'T00' to 'T99', got `F00` (string)"],
    [{ codes: ['T00', 'R00'] }, 'codes'],
    [{ codes: 'T00' as never }, 'codes'],
    [{ codes: [7] as never }, 'codes'],
    [{ retryOn: true as never }, 'retryOn'],
    [{ backoff: { baseMs: -1 } }, 'backoff.baseMs'],
    [{ backoff: { max: 1 } as never }, 'Unknown option `backoff.max`'],
    [{ busyMs: 2 ** 31 }, 'busyMs'],
    [{ marginMs: NaN }, 'marginMs'],
    [{ maxElapsedMs: -1 }, 'maxElapsedMs'],
    [{ dataTimeoutMs: '5' as never }, 'dataTimeoutMs'],
    [{ budget: { tokens: 0 } }, 'budget.tokens'],
    [{ budget: true as never }, 'budget'],
    [{ maxWaiting: -1 }, 'maxWaiting'],
    [{ maxWaitingAmount: -1n }, 'maxWaitingAmount'],
    [{ waitForConnect: { maxMs: 2 ** 31 } }, 'waitForConnect.maxMs'],
    [{ connectTimeoutMs: -1 }, 'connectTimeoutMs'],
    [{ reconnect: { after: 1 } as never }, 'reconnect.after'],
    [{ holdDisconnectMs: Infinity }, 'holdDisconnectMs'],
    [{ resendAmbiguousZeroAmount: 1 as never }, 'resendAmbiguousZeroAmount'],
    // RFC 0038: an hour at most
    [{ moneyBackoff: { maxMs: 3_600_001 } }, 'moneyBackoff.maxMs'],
    [{ random: 0.5 as never }, 'random'],
    [{ retries: 3 } as never, 'Unknown option `retries`'],
    ['often' as never, 'options']
  ]
  it.each(bad)('refuse %o', (options, message) => {
    expect(() => retry(options)).toThrow(expect.objectContaining({ name: 'InvalidFieldsError' }))
    expect(() => retry(options)).toThrow(message)
  })
})
