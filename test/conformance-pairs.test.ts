import { balance, minimalOptions as balanceOptions } from '@ilp-wrap/balance'
import { circuitBreaker, minimalOptions as breakerOptions } from '@ilp-wrap/circuit-breaker'
import { concurrency, minimalOptions as concurrencyOptions } from '@ilp-wrap/concurrency'
import { wrap } from '@ilp-wrap/core'
import type { Middleware } from '@ilp-wrap/core'
import { dedupe, minimalOptions as dedupeOptions } from '@ilp-wrap/dedupe'
import { errorToReject, minimalOptions as errorOptions } from '@ilp-wrap/error-to-reject'
import { expire, minimalOptions as expireOptions } from '@ilp-wrap/expire'
import { logging, minimalOptions as loggingOptions } from '@ilp-wrap/logging'
import { maxPacketAmount, minimalOptions as maxOptions } from '@ilp-wrap/max-packet-amount'
import { metrics, minimalOptions as metricsOptions } from '@ilp-wrap/metrics'
import { minimalOptions as rateLimitOptions, rateLimit } from '@ilp-wrap/rate-limit'
import { retry } from '@ilp-wrap/retry'
import { referenceFactory, runConformance } from '@ilp-wrap/testing'
import { throughput, minimalOptions as throughputOptions } from '@ilp-wrap/throughput'
import { minimalOptions as validateOptions, validateFulfillment } from '@ilp-wrap/validate-fulfillment'
import { recommended } from 'ilp-wrap'
import { describe, expect, it } from 'vitest'

// What each package's own suite shows of its middleware alone must hold for two of them in either order, though some
// of these orders are warned of, and for the whole list.

// short waits, as each case waits for them in real time
const hasty = { waitForConnect: { maxMs: 20 }, holdDisconnectMs: 20, reconnect: { afterMs: 10 } }

const middleware: Record<string, () => Middleware> = {
  validateFulfillment: () => validateFulfillment(validateOptions),
  expire: () => expire(expireOptions),
  retry: () => retry(hasty),
  balance: () => balance(balanceOptions),
  dedupe: () => dedupe(dedupeOptions),
  throughput: () => throughput(throughputOptions),
  maxPacketAmount: () => maxPacketAmount(maxOptions),
  rateLimit: () => rateLimit(rateLimitOptions),
  concurrency: () => concurrency(concurrencyOptions),
  circuitBreaker: () => circuitBreaker(breakerOptions),
  metrics: () => metrics(metricsOptions),
  logging: () => logging(loggingOptions),
  errorToReject: () => errorToReject(errorOptions)
}

const names = Object.keys(middleware)
const pairs = names.flatMap((a) => names.map((b) => [a, b])).filter(([a, b]) => a !== b)

function made(list: readonly string[]): Middleware[] {
  return list.map((name) => (middleware[name] as () => Middleware)())
}

const whole = (): Middleware[] =>
  recommended({
    balance: balanceOptions,
    retry: hasty,
    throughput: throughputOptions,
    maxPacketAmount: maxOptions
  })

const stacks: [string, () => Middleware[]][] = [
  ['recommended', whole],
  ['recommended, the other way round', () => whole().reverse()],
  ...pairs.map((pair): [string, () => Middleware[]] => [pair.join(' · '), () => made(pair)])
]

describe('the contract holds for', () => {
  it.each(stacks)('%s', { timeout: 120_000 }, async (_, make) => {
    const results = await runConformance(referenceFactory(), {
      wrap: (plugin, context) => wrap(plugin, make(), context),
      supports: { recovers: true }
    })
    const failed = results.filter(({ status }) => status === 'failed')
    expect(failed.map(({ clause, title, reason }) => `${clause} ${title}: ${reason}`)).toEqual([])
    expect(results.filter(({ status }) => status === 'passed').length).toBeGreaterThan(100)
  })
})
