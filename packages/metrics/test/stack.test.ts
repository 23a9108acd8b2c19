import { balance } from '@ilp-wrap/balance'
import { circuitBreaker, circuitBreakerOf } from '@ilp-wrap/circuit-breaker'
import { concurrency } from '@ilp-wrap/concurrency'
import { defineMiddleware, describe as describeStack, wrap } from '@ilp-wrap/core'
import { rateLimit } from '@ilp-wrap/rate-limit'
import { fulfill, mockPair, prepare, testClock } from '@ilp-wrap/testing'
import { throughput } from '@ilp-wrap/throughput'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { metrics, metricsOf } from '../src/index.js'
import type { MetricsOptions } from '../src/index.js'
import { parse, seriesOf, setup } from './setup.js'

/** A middleware of that name with that handle. */
const holding = (name: string, handle: object) => defineMiddleware({ name, place: {} }, () => ({ handle }))

describe('metrics in a stack', () => {
  it('shows the state of balance, limits and breaker beneath it', async () => {
    const amounts = { amount: 500n, refillMs: 1000 }
    const { plugin, peer, handle } = setup({ incoming: false }, {}, [
      rateLimit({ incoming: { capacity: 7 }, outgoing: { capacity: 9 } }),
      balance({ maximum: 1000n, minimum: -100n }),
      throughput({ outgoing: amounts }),
      concurrency({ incoming: false }),
      circuitBreaker()
    ])
    await peer.sendData(prepare({ amount: 40 }))
    peer.onData = undefined
    const sent = plugin.sendData(prepare({ amount: 30 }))
    const account = 'account="bob"'
    expect(parse(await handle.text())).toMatchObject({
      [`ilp_wrap_connected{${account}}`]: 1,
      [`ilp_wrap_balance{${account}}`]: 40,
      [`ilp_wrap_balance_holds{${account},direction="incoming"}`]: 0,
      [`ilp_wrap_balance_holds{${account},direction="outgoing"}`]: 30,
      [`ilp_wrap_balance_limit{${account},bound="maximum"}`]: 1000,
      [`ilp_wrap_balance_limit{${account},bound="minimum"}`]: -100,
      [`ilp_wrap_settlements_suspended{${account}}`]: 0,
      [`ilp_wrap_rate_limit_tokens{${account},direction="incoming"}`]: 6,
      [`ilp_wrap_rate_limit_tokens{${account},direction="outgoing"}`]: 8,
      [`ilp_wrap_throughput_available{${account},direction="outgoing"}`]: 470,
      [`ilp_wrap_concurrency_in_flight{${account},direction="outgoing"}`]: 1,
      [`ilp_wrap_circuit_state{${account},state="closed"}`]: 1,
      [`ilp_wrap_circuit_state{${account},state="open"}`]: 0
    })
    circuitBreakerOf(plugin)!.isolate()
    ;(await peer.request()).fulfill()
    await sent
    expect(parse(await handle.text())).toMatchObject({
      [`ilp_wrap_balance{${account}}`]: 10,
      [`ilp_wrap_balance_holds{${account},direction="outgoing"}`]: 0,
      [`ilp_wrap_circuit_state{${account},state="isolated"}`]: 1,
      [`ilp_wrap_circuit_state{${account},state="closed"}`]: 0
    })
  })

  it('is one where it stands once per direction, and sees from the outer place what is between', async () => {
    const { plugin: inner, peer } = mockPair({ connected: true })
    const options: MetricsOptions = { buckets: [1] }
    const list = [
      metrics({ ...options, outgoing: false }),
      rateLimit({ outgoing: { capacity: 1, refillMs: 100_000 } }),
      balance({ maximum: 1000n }),
      metrics({ ...options, incoming: false })
    ]
    const plugin = wrap(inner, list, { account: 'bob', clock: testClock() })
    peer.onData = () => Promise.resolve(fulfill())
    plugin.registerDataHandler(() => Promise.resolve(fulfill()))
    plugin.registerMoneyHandler(() => Promise.resolve())
    await peer.sendData(prepare({ amount: 9 }))
    await peer.sendMoney('4')
    await plugin.sendData(prepare())
    await plugin.sendData(prepare())
    const handle = metricsOf(plugin)!
    expect(parse(await handle.text())).toMatchObject({
      'ilp_wrap_packets_total{account="bob",direction="incoming",outcome="fulfilled",code=""}': 1,
      'ilp_wrap_packets_total{account="bob",direction="outgoing",outcome="fulfilled",code=""}': 1,
      'ilp_wrap_packets_total{account="bob",direction="outgoing",outcome="rejected",code="T05"}': 1,
      'ilp_wrap_money_total{account="bob",direction="incoming",outcome="succeeded"}': 1,
      'ilp_wrap_balance{account="bob"}': 4
    })
    expect(describeStack(plugin).warnings).toEqual([])
  })

  it('counts a settlement of the balance above, which the outer place never sees', async () => {
    const { plugin: inner, peer } = mockPair({ connected: true })
    const list = [
      metrics({ outgoing: false }),
      balance({ maximum: 1000n, minimum: -1000n, settleThreshold: -5n, settleTo: 0n }),
      metrics({ incoming: false })
    ]
    const plugin = wrap(inner, list, { account: 'bob' })
    peer.onData = () => Promise.resolve(fulfill())
    await plugin.sendData(prepare({ amount: 10 }))
    const payment = await peer.payment()
    payment.accept()
    await new Promise(setImmediate)
    expect(metricsOf(plugin)!.snapshot().money).toEqual([
      { direction: 'outgoing', outcome: 'succeeded', count: 1, value: 10n }
    ])
  })

  it('is two where the registry, the prefix or the labels are not the same', async () => {
    const inner = metrics({ outgoing: false })
    for (const other of [{ registry: new Registry() }, { prefix: 'other_' }, { labels: { a: 'b' } }]) {
      const lower = wrap(mockPair({ connected: true }).plugin, [inner], { account: 'bob' })
      const upper = wrap(lower, [metrics({ ...other, incoming: false })])
      expect(metricsOf(upper)).not.toBe(metricsOf(lower))
      expect(metricsOf(upper)!.registry === metricsOf(lower)!.registry).toBe(!('registry' in other))
    }
  })

  it('makes no series of handles that fail or say something else', async () => {
    const failing = {
      get state(): string {
        throw new Error('no')
      }
    }
    const throwing = {
      snapshot: (): never => {
        throw new Error('no')
      }
    }
    const { handle } = setup({}, {}, [
      holding('balance', { snapshot: () => Promise.reject(new Error('no')) }),
      holding('rate-limit', throwing),
      holding('throughput', {}),
      holding('concurrency', { snapshot: () => ({ outgoing: { inFlight: 'many', waiting: 1 } }) }),
      holding('circuit-breaker', { state: 'ajar' })
    ])
    expect(await seriesOf(handle, '')).toMatchObject({ 'ilp_wrap_connected{account="bob"}': 1 })
    for (const name of ['balance', 'rate', 'throughput', 'in_flight{account="bob",direction="x"', 'circuit']) {
      expect(await seriesOf(handle, name)).toEqual({})
    }
    expect(await seriesOf(handle, 'concurrency')).toEqual({
      'ilp_wrap_concurrency_waiting{account="bob",direction="outgoing"}': 1
    })
    const other = setup({}, {}, [holding('circuit-breaker', failing)])
    await other.plugin.sendData(prepare())
    expect(await seriesOf(other.handle, 'packets_total')).not.toEqual({})
    expect(await seriesOf(other.handle, 'connected')).toEqual({})
  })

  it('waits for a ledger that gives promises, and a second at most', async () => {
    let answer: (snapshot: object) => void = () => {}
    const { clock, plugin, handle } = setup({}, {}, [
      holding('balance', { snapshot: () => new Promise((resolve) => (answer = resolve)) })
    ])
    await plugin.sendData(prepare())
    const [first, second] = [seriesOf(handle, 'balance'), seriesOf(handle, 'balance')]
    answer({ committed: 5n })
    expect(await first).toEqual({ 'ilp_wrap_balance{account="bob"}': 5 })
    expect(await second).toEqual(await first)
    const stuck = seriesOf(handle, '')
    await clock.advance(1000)
    expect(Object.keys(await stuck).filter((name) => name.includes('balance'))).toEqual([])
    expect(Object.keys(await stuck)).toContain('ilp_wrap_connected{account="bob"}')
    expect(clock.pending).toBe(0)
  })

  // the state of a plugin that came after the reading had begun is not there
  it('shows a plugin that is wrapped while a scrape waits without its state', async () => {
    const registry = new Registry()
    let answer: (snapshot: object) => void = () => {}
    const { handle } = setup({ registry }, {}, [
      holding('balance', { snapshot: () => new Promise((resolve) => (answer = resolve)) })
    ])
    const scraped = seriesOf(handle, '')
    const late = setup({ registry }, { account: 'late' })
    await late.plugin.sendData(prepare())
    answer({ committed: 5n })
    const names = Object.keys(await scraped)
    expect(names).toContain('ilp_wrap_balance{account="bob"}')
    expect(names.filter((name) => name.includes('"late"') && name.includes('packets_total'))).toHaveLength(1)
    expect(names.filter((name) => name.includes('"late"') && name.includes('connected'))).toEqual([])
  })
})
