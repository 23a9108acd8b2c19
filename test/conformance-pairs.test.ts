import { balance, minimalOptions as balanceOptions } from '@ilp-wrap/balance'
import { wrap } from '@ilp-wrap/core'
import type { Middleware } from '@ilp-wrap/core'
import { expire, minimalOptions as expireOptions } from '@ilp-wrap/expire'
import { logging, minimalOptions as loggingOptions } from '@ilp-wrap/logging'
import { minimalOptions as rateLimitOptions, rateLimit } from '@ilp-wrap/rate-limit'
import { retry } from '@ilp-wrap/retry'
import { referenceFactory, runConformance } from '@ilp-wrap/testing'
import { minimalOptions as validateOptions, validateFulfillment } from '@ilp-wrap/validate-fulfillment'
import { describe, expect, it } from 'vitest'

// What each package's own suite shows of its middleware alone must hold for two of them in either order, though some
// of these orders are warned of.
const middleware: Record<string, () => Middleware> = {
  validateFulfillment: () => validateFulfillment(validateOptions),
  expire: () => expire(expireOptions),
  // short waits, as each case waits for them in real time
  retry: () => retry({ waitForConnect: { maxMs: 20 }, holdDisconnectMs: 20, reconnect: { afterMs: 10 } }),
  balance: () => balance(balanceOptions),
  rateLimit: () => rateLimit(rateLimitOptions),
  logging: () => logging(loggingOptions)
}

const traffic = ['validateFulfillment', 'expire', 'retry', 'balance', 'rateLimit', 'logging']
const pairs = traffic.flatMap((a) => traffic.map((b) => [a, b])).filter(([a, b]) => a !== b)

function made(names: readonly string[]): Middleware[] {
  return names.map((name) => (middleware[name] as () => Middleware)())
}

describe('the contract holds for', () => {
  it.each([traffic, [...traffic].reverse(), ...pairs].map((names) => [names.join(' · '), names] as const))(
    '%s',
    { timeout: 120_000 },
    async (_, names) => {
      const results = await runConformance(referenceFactory(), {
        wrap: (plugin, context) => wrap(plugin, made(names), context),
        supports: { recovers: true }
      })
      const failed = results.filter(({ status }) => status === 'failed')
      expect(failed.map(({ clause, title, reason }) => `${clause} ${title}: ${reason}`)).toEqual([])
      expect(results.filter(({ status }) => status === 'passed').length).toBeGreaterThan(100)
    }
  )
})
