import { balance } from '@ilp-wrap/balance'
import { InvalidFieldsError, describe as describeStack, wrap } from '@ilp-wrap/core'
import type { Middleware, PluginV2 } from '@ilp-wrap/core'
import { rejectCode } from '@ilp-wrap/core/packet'
import { dedupe } from '@ilp-wrap/dedupe'
import { errorToReject } from '@ilp-wrap/error-to-reject'
import { expire } from '@ilp-wrap/expire'
import { rateLimit, rateLimitOf } from '@ilp-wrap/rate-limit'
import { retry } from '@ilp-wrap/retry'
import { legacyPair, loopbackPair, mockPair, prepare, testClock } from '@ilp-wrap/testing'
import { validateFulfillment } from '@ilp-wrap/validate-fulfillment'
import { circuitBreakerOf, recommended } from 'ilp-wrap'
import type { RecommendedOptions } from 'ilp-wrap'
import { describe, expect, it } from 'vitest'

function names(plugin: PluginV2): string[] {
  return describeStack(plugin).middleware.map(({ name, place }) => {
    const [incoming, outgoing] = [place.incoming !== undefined, place.outgoing !== undefined]
    return incoming && outgoing ? name : `${name}(${incoming ? 'in' : 'out'})`
  })
}

function stack(options: RecommendedOptions): PluginV2 {
  return wrap(loopbackPair().alice, recommended(options) as Middleware[])
}

const maximum = { maximum: 1_000n }

describe('the recommended list', () => {
  it('stands in the order of the design, and nothing warns of it', () => {
    const plugin = stack({
      balance: maximum,
      maxPacketAmount: { maximum: 100n },
      throughput: { incoming: { amount: 100n }, outgoing: { amount: 100n } }
    })
    expect(names(plugin)).toEqual([
      'metrics(in)',
      'logging(in)',
      'rate-limit(in)',
      'concurrency(in)',
      'max-packet-amount(in)',
      'throughput(in)',
      'dedupe(in)',
      'validate-fulfillment(out)',
      'expire(out)',
      'retry(out)',
      'balance',
      'expire(in)',
      'validate-fulfillment(in)',
      'dedupe(out)',
      'throughput(out)',
      'max-packet-amount(out)',
      'rate-limit(out)',
      'concurrency(out)',
      'circuit-breaker(out)',
      'metrics(out)',
      'logging(out)',
      'error-to-reject(in)'
    ])
    expect(describeStack(plugin).warnings).toEqual([])
  })

  it('has no limit of amounts that nobody has set', () => {
    expect(names(stack({ balance: maximum })).filter((name) => /^(throughput|max-packet)/.test(name))).toEqual([])
  })

  it('wraps plugins of version 1, too', () => {
    const plugin = wrap(legacyPair().alice, recommended({ balance: maximum }))
    expect(names(plugin).slice(0, 2)).toEqual(['compat', 'metrics(in)'])
    expect(describeStack(plugin).warnings).toEqual([])
  })

  it('leaves out what is switched off, or one half of it', () => {
    const off = {
      compat: false,
      metrics: false,
      logging: false,
      concurrency: false,
      dedupe: false,
      validateFulfillment: false,
      retry: false,
      circuitBreaker: false,
      errorToReject: false
    } as const
    const plugin = stack({ balance: maximum, ...off, rateLimit: { outgoing: false }, expire: { incoming: false } })
    expect(names(plugin)).toEqual(['rate-limit(in)', 'expire(out)', 'balance'])
    expect(names(stack({ ...off, rateLimit: false, expire: false, balance: false }))).toEqual([])
  })

  it('limits amounts in the direction that has a limit', () => {
    const parts = (throughput: RecommendedOptions['throughput']): string[] =>
      names(stack({ balance: maximum, ...(throughput && { throughput }) })).filter((name) => name.startsWith('through'))
    expect(parts({ incoming: { amount: 5n } })).toEqual(['throughput(in)'])
    expect(parts({ outgoing: { amount: 5n } })).toEqual(['throughput(out)'])
  })

  it('gives each half the options of the whole', () => {
    const limits = { incoming: { capacity: 5 }, outgoing: { capacity: 7 } }
    const snapshot = rateLimitOf(stack({ balance: maximum, rateLimit: limits }))?.snapshot()
    expect([snapshot?.incoming?.limits?.capacity, snapshot?.outgoing?.limits?.capacity]).toEqual([5, 7])
  })

  it('lets the breaker know what expire takes off each packet', async () => {
    const clock = testClock()
    const { plugin: inner, peer } = mockPair({ connected: true })
    const circuitBreaker = { minimumCalls: 1 }
    const list = recommended({ balance: maximum, expire: { reduceMs: 500 }, retry: false, circuitBreaker })
    const plugin = wrap(inner, list as Middleware[], { clock })
    const answer = plugin.sendData(prepare({ amount: 1n, expiresAt: clock.now() + 2_000 }))
    await peer.request()
    await clock.advance(1_500)
    expect([rejectCode(await answer), circuitBreakerOf(plugin)?.state]).toEqual(['R00', 'open'])
  })

  it('says what is missing, unknown or wrong', () => {
    const refused = (options: object): string => {
      try {
        recommended(options as RecommendedOptions)
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidFieldsError)
        return (error as Error).message
      }
      throw new Error('nothing was refused')
    }
    expect(refused({})).toBe('Expected `balance` to be an object with at least a `maximum`, or false, got `undefined`')
    expect(refused({ balance: {} })).toMatch(/^balance: Expected `maximum` to be /)
    const error = new RangeError('an option that throws')
    const throwing = {
      get maximum(): bigint {
        throw error
      }
    }
    expect(() => recommended({ balance: throwing })).toThrow(error)
    expect(refused({ balance: maximum, retries: {} })).toMatch(/^Unknown option `retries`/)
    expect(refused({ balance: maximum, expire: { reduceMs: -1 } })).toMatch(/^expire: Expected `reduceMs` to be /)
    expect(refused({ balance: maximum, rateLimit: { outgoing: { capacity: 0 } } })).toMatch(/^rateLimit: Expected `/)
  })
})

describe('an order that costs money is warned of:', () => {
  const books = (): Middleware => balance(maximum)
  it.each<[string, () => Middleware[]]>([
    ['retry outside of the books', () => [books(), retry()]],
    ['expire outside of the books, for outgoing packets', () => [books(), expire()]],
    ['validateFulfillment outside of the books, for outgoing packets', () => [books(), validateFulfillment()]],
    ['dedupe inside of the books, for outgoing packets', () => [dedupe(), books()]],
    ['dedupe outside of the books, for incoming packets', () => [books(), dedupe({ incoming: true, outgoing: false })]],
    ['expire inside of the books, for incoming packets', () => [expire({ incoming: true }), books()]],
    [
      'validateFulfillment inside of the books, for incoming packets',
      () => [validateFulfillment({ incoming: true }), books()]
    ],
    ['errorToReject inside of the books, for outgoing packets', () => [errorToReject({ outgoing: true }), books()]],
    ['a middleware twice', () => [rateLimit(), books(), rateLimit()]]
  ])('%s', (_, make) => {
    const { warnings } = describeStack(wrap(loopbackPair().alice, make()))
    expect(warnings.length).toBeGreaterThan(0)
  })
})
