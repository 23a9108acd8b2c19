import { InvalidFieldsError, UnreachableError, events, unwrap, wrap } from '@ilp-wrap/core'
import { conformance, fulfill, mockPair, prepare, referenceFactory, rejectPacket } from '@ilp-wrap/testing'
import { Counter, Registry, prometheusContentType } from 'prom-client'
import type { RegistryContentType } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { metrics, metricsOf, minimalOptions } from '../src/index.js'
import type { AnyRegistry, MetricsOptions } from '../src/index.js'
import { parse, seriesOf, setup } from './setup.js'

conformance({ describe, it }, referenceFactory(), { wrap: metrics(minimalOptions) })

const hello = Buffer.from('hello')

describe('metrics', () => {
  it('counts packets and their value by direction, outcome and code', async () => {
    const { plugin, peer, handle } = setup()
    await peer.sendData(prepare({ amount: 3 }))
    const replies = [fulfill(), fulfill(), rejectPacket('T04'), rejectPacket('X77'.replace('X', 'F')), hello]
    for (const [index, reply] of replies.entries()) {
      peer.onData = () => Promise.resolve(reply)
      await plugin.sendData(prepare({ amount: 10 ** index }))
    }
    await plugin.sendData(hello)
    for (const error of [new Error('lost'), new UnreachableError('no'), undefined]) {
      peer.onData = () => Promise.reject(error)
      await plugin.sendData(prepare({ amount: 7 })).catch(() => {})
    }
    const out = 'account="bob",direction="outgoing"'
    expect(await seriesOf(handle, 'packets_total')).toEqual({
      'ilp_wrap_packets_total{account="bob",direction="incoming",outcome="fulfilled",code=""}': 1,
      [`ilp_wrap_packets_total{${out},outcome="fulfilled",code=""}`]: 2,
      [`ilp_wrap_packets_total{${out},outcome="rejected",code="T04"}`]: 1,
      [`ilp_wrap_packets_total{${out},outcome="rejected",code="other"}`]: 1,
      [`ilp_wrap_packets_total{${out},outcome="invalid",code=""}`]: 1,
      [`ilp_wrap_packets_total{${out},outcome="answered",code=""}`]: 1,
      [`ilp_wrap_packets_total{${out},outcome="failed",code=""}`]: 2,
      [`ilp_wrap_packets_total{${out},outcome="failed",code="T01"}`]: 1
    })
    expect(await seriesOf(handle, 'packet_value')).toEqual({
      'ilp_wrap_packet_value_total{account="bob",direction="incoming",outcome="fulfilled",code=""}': 3,
      [`ilp_wrap_packet_value_total{${out},outcome="fulfilled",code=""}`]: 11,
      [`ilp_wrap_packet_value_total{${out},outcome="rejected",code="T04"}`]: 100,
      [`ilp_wrap_packet_value_total{${out},outcome="rejected",code="other"}`]: 1000,
      [`ilp_wrap_packet_value_total{${out},outcome="invalid",code=""}`]: 10_000,
      [`ilp_wrap_packet_value_total{${out},outcome="failed",code=""}`]: 14,
      [`ilp_wrap_packet_value_total{${out},outcome="failed",code="T01"}`]: 7
    })
  })

  it('has exact sums for who asks the handle', async () => {
    const { plugin, handle } = setup()
    const most = 2n ** 64n - 1n
    for (let i = 0; i < 3; i++) await plugin.sendData(prepare({ amount: most }))
    expect(handle.snapshot()).toEqual({
      incoming: { inFlight: 0, outcomes: [] },
      outgoing: { inFlight: 0, outcomes: [{ outcome: 'fulfilled', code: '', packets: 3, value: 3n * most }] },
      money: []
    })
  })

  it('shows durations as a histogram in seconds', async () => {
    const { clock, plugin, peer, handle } = setup({ buckets: [0.01, 0.1], incoming: false })
    peer.onData = undefined
    for (const ms of [10, 11, 500]) {
      const sent = plugin.sendData(prepare())
      await clock.advance(ms)
      ;(await peer.request()).fulfill()
      await sent
    }
    const text = await handle.text()
    const labels = 'account="bob",direction="outgoing",outcome="fulfilled"'
    const series = parse(text)
    expect(Object.fromEntries(Object.entries(series).filter(([name]) => name.includes('duration')))).toEqual({
      [`ilp_wrap_packet_duration_seconds_bucket{${labels},le="0.01"}`]: 1,
      [`ilp_wrap_packet_duration_seconds_bucket{${labels},le="0.1"}`]: 2,
      [`ilp_wrap_packet_duration_seconds_bucket{${labels},le="+Inf"}`]: 3,
      [`ilp_wrap_packet_duration_seconds_sum{${labels}}`]: 0.521,
      [`ilp_wrap_packet_duration_seconds_count{${labels}}`]: 3
    })
    expect(text).toContain('# TYPE ilp_wrap_packet_duration_seconds histogram')
    expect(text).toContain('# TYPE ilp_wrap_packets_total counter')
  })

  it('has no durations, and reads no clock, if told so', async () => {
    const clock = { monotonic: (): number => expect.unreachable() }
    const { plugin, handle } = setup({ buckets: false }, { clock })
    await plugin.sendData(prepare())
    expect(await seriesOf(handle, 'duration')).toEqual({})
    expect(await seriesOf(handle, 'packets_total')).not.toEqual({})
  })

  it('shows what is in flight', async () => {
    const { plugin, peer, handle } = setup()
    peer.onData = undefined
    const sent = [plugin.sendData(prepare()), plugin.sendData(hello)]
    const gauge = 'ilp_wrap_packets_in_flight{account="bob",direction="outgoing"}'
    expect(await seriesOf(handle, 'packets_in_flight')).toMatchObject({ [gauge]: 2 })
    ;(await peer.request()).fulfill()
    ;(await peer.request()).throw(new Error('lost'))
    await Promise.allSettled(sent)
    expect(await seriesOf(handle, 'packets_in_flight')).toMatchObject({ [gauge]: 0 })
  })

  it('counts payments both ways, also those that failed', async () => {
    const { plugin, peer, handle } = setup()
    await peer.sendMoney('5')
    await plugin.sendMoney('7')
    peer.onMoney = () => Promise.reject(new Error('no'))
    await expect(plugin.sendMoney('9')).rejects.toThrow('no')
    expect(await seriesOf(handle, 'money')).toEqual({
      'ilp_wrap_money_total{account="bob",direction="incoming",outcome="succeeded"}': 1,
      'ilp_wrap_money_total{account="bob",direction="outgoing",outcome="succeeded"}': 1,
      'ilp_wrap_money_total{account="bob",direction="outgoing",outcome="failed"}': 1,
      'ilp_wrap_money_value_total{account="bob",direction="incoming",outcome="succeeded"}': 5,
      'ilp_wrap_money_value_total{account="bob",direction="outgoing",outcome="succeeded"}': 7,
      'ilp_wrap_money_value_total{account="bob",direction="outgoing",outcome="failed"}': 9
    })
  })

  it('gives the answer itself, and the error itself', async () => {
    const { plugin, peer } = setup()
    const reply = fulfill()
    peer.onData = () => Promise.resolve(reply)
    expect(await plugin.sendData(prepare())).toBe(reply)
    const hostile = Object.defineProperty({}, 'ilpErrorCode', {
      get: () => {
        throw new Error('no')
      }
    })
    for (const error of [new Error('no'), hostile]) {
      peer.onData = () => Promise.reject(error)
      expect(await plugin.sendData(prepare()).catch((thrown: unknown) => thrown)).toBe(error)
    }
  })

  it('counts neither direction nor payments when all are switched off', async () => {
    const { plugin, peer, handle } = setup({ incoming: false, outgoing: false, money: false })
    await plugin.sendData(prepare())
    await peer.sendData(prepare())
    await plugin.sendMoney('1')
    expect(handle.snapshot()).toEqual({ incoming: undefined, outgoing: undefined, money: undefined })
    expect(await seriesOf(handle, '_total')).toEqual({})
  })

  it('keeps thousands of packets in flight apart', async () => {
    const good = setup()
    const bad = setup()
    bad.peer.onData = () => Promise.reject(new Error('lost'))
    const sent = Array.from({ length: 600 }, () => [good, bad]).flat()
    await Promise.allSettled(sent.map(({ plugin }) => plugin.sendData(prepare({ amount: 2 }))))
    expect(good.handle.snapshot().outgoing).toEqual({
      inFlight: 0,
      outcomes: [{ outcome: 'fulfilled', code: '', packets: 600, value: 1200n }]
    })
    expect(bad.handle.snapshot().outgoing?.outcomes).toMatchObject([{ outcome: 'failed', packets: 600 }])
  })

  describe('events', () => {
    it('are not asked for by default: each would cost its packet', () => {
      const { plugin } = setup()
      expect((events(plugin) as { observed?: boolean }).observed).toBe(false)
    })

    it('are counted by their source and type, if told so, until the plugin is unwrapped', async () => {
      const { plugin, handle } = setup({ events: true })
      const stream = events(plugin) as unknown as { emit(event: object): void; observed: boolean }
      for (const type of ['settlement-sent', 'settlement-sent', 'hold-expired'])
        stream.emit({ source: 'balance', type })
      expect(await seriesOf(handle, 'events_total')).toEqual({
        'ilp_wrap_events_total{account="bob",source="balance",type="settlement-sent"}': 2,
        'ilp_wrap_events_total{account="bob",source="balance",type="hold-expired"}': 1
      })
      unwrap(plugin)
      expect(stream.observed).toBe(false)
    })
  })

  it('refuses options that are unknown or wrong', () => {
    for (const options of [
      { incoming: 1 },
      { outgoing: 1 },
      { money: 1 },
      { registry: {} },
      { registry: null },
      { prefix: 1 },
      { prefix: 'a-b' },
      { labels: [] },
      { labels: null },
      { labels: { account: 'x' } },
      { labels: { 'a-b': 'x' } },
      { labels: { a: 1 } },
      { buckets: [] },
      { buckets: 1 },
      { buckets: [1, 1] },
      { buckets: ['1'] },
      { events: 1 },
      { trace: 'yes' },
      { trace: {} },
      { trace: null }
    ]) {
      expect(() => metrics(options as unknown as MetricsOptions), JSON.stringify(options)).toThrow(InvalidFieldsError)
    }
    expect(() => metrics({ name: 'x' } as MetricsOptions)).toThrow('Unknown option `name`')
  })
})

describe('the registry', () => {
  it('is one for all plugins that are wrapped with the same middleware, and no other', async () => {
    const shared = metrics()
    const [a, b] = ['a', 'b'].map((account) => wrap(mockPair().plugin, [shared], { account }))
    const other = wrap(mockPair().plugin, [metrics()], { account: 'c' })
    expect(metricsOf(a!)!.registry).toBe(metricsOf(b!)!.registry)
    expect(metricsOf(other)!.registry).not.toBe(metricsOf(a!)!.registry)
    expect(await seriesOf(metricsOf(a!)!, 'connected')).toEqual({
      'ilp_wrap_connected{account="a"}': 0,
      'ilp_wrap_connected{account="b"}': 0
    })
  })

  it('is shared with the host, under a prefix and labels of the host', async () => {
    const registry = new Registry()
    new Counter({ name: 'host_total', help: 'The host has its own', registers: [registry] }).inc(3)
    const { plugin, handle } = setup({ registry, prefix: 'my_', labels: { asset: 'XRP' } })
    await plugin.sendData(prepare())
    expect(handle.registry).toBe(registry)
    const series = parse(await registry.metrics())
    expect(series['host_total']).toBe(3)
    expect(series['my_packets_total{asset="XRP",account="bob",direction="outgoing",outcome="fulfilled",code=""}']).toBe(
      1
    )
    expect(parse(await registry.getSingleMetricAsString('my_connected'))).toEqual({
      'my_connected{asset="XRP",account="bob"}': 1
    })
  })

  it('has one set of series for all plugins without a name', async () => {
    const shared = metrics({ buckets: [1] })
    const pairs = [1, 2].map(() => mockPair({ connected: true }))
    const plugins = pairs.map(({ plugin, peer }) => {
      peer.onData = () => Promise.resolve(fulfill())
      return wrap(plugin, [shared])
    })
    await plugins[0]!.sendData(prepare())
    await plugins[1]!.sendData(prepare())
    const handle = metricsOf(plugins[0]!)!
    expect(await seriesOf(handle, 'packets_total')).toEqual({
      'ilp_wrap_packets_total{account="plugin",direction="outgoing",outcome="fulfilled",code=""}': 2
    })
    expect(await seriesOf(handle, 'seconds_count')).toEqual({
      'ilp_wrap_packet_duration_seconds_count{account="plugin",direction="outgoing",outcome="fulfilled"}': 2
    })
    unwrap(plugins[0]!)
    expect(await seriesOf(handle, 'packets_total')).toEqual({
      'ilp_wrap_packets_total{account="plugin",direction="outgoing",outcome="fulfilled",code=""}': 1
    })
  })

  it('loses the series of a plugin that is unwrapped, and all of ours with the last one', async () => {
    const registry = new Registry()
    new Counter({ name: 'host_total', help: 'The host has its own', registers: [registry] })
    const first = setup({ registry }, { account: 'a' })
    const second = setup({ registry }, { account: 'b' })
    await first.plugin.sendData(prepare())
    unwrap(first.plugin)
    expect(Object.keys(await seriesOf(second.handle, '"a"'))).toEqual([])
    expect(Object.keys(await seriesOf(second.handle, '"b"'))).not.toEqual([])
    unwrap(second.plugin)
    expect(registry.getMetricsAsArray().map(({ name }) => name)).toEqual(['host_total'])
    const third = setup({ registry, buckets: [1] }, { account: 'c' })
    expect(Object.keys(await seriesOf(third.handle, '"c"'))).not.toEqual([])
  })

  it('leaves alone what the host has put in the place of our metrics', () => {
    const registry = new Registry()
    const { plugin } = setup({ registry })
    registry.clear()
    new Counter({ name: 'ilp_wrap_packets_total', help: 'Not ours', registers: [registry] })
    unwrap(plugin)
    expect(registry.getMetricsAsArray()).toHaveLength(1)
  })

  it('gets its metrics again with the next plugin after the host has cleared it', async () => {
    const registry = new Registry()
    setup({ registry }, { account: 'a' })
    registry.clear()
    const { handle } = setup({ registry }, { account: 'b' })
    expect(Object.keys(await seriesOf(handle, 'connected'))).toHaveLength(2)
  })

  it('refuses other buckets than it has', () => {
    const registry = new Registry()
    setup({ registry })
    expect(() => setup({ registry, buckets: [1] })).toThrow(InvalidFieldsError)
    expect(() => setup({ registry, buckets: false })).toThrow('Expected `buckets` to be those that the registry has')
    expect(() => setup({ registry, buckets: [1], prefix: 'other_' })).not.toThrow()
  })

  it('may speak OpenMetrics', async () => {
    const registry: AnyRegistry = new Registry<RegistryContentType>()
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
    const { plugin, handle } = setup({ registry })
    await plugin.sendData(prepare())
    const text = await handle.text()
    expect(text).toContain('# TYPE ilp_wrap_packets counter')
    expect(text).toContain('ilp_wrap_packets_total{account="bob",direction="outgoing",outcome="fulfilled",code=""} 1\n')
    expect(text.endsWith('# EOF\n')).toBe(true)
    unwrap(plugin)
    expect(registry.getMetricsAsArray()).toEqual([])
  })

  it('gives its metrics as JSON, which processes of a cluster add up, and cannot make a plugin forget', async () => {
    const { plugin, handle } = setup()
    await plugin.sendData(prepare())
    handle.registry.resetMetrics()
    const found = await handle.registry.getMetricsAsJSON()
    expect(found.find(({ name }) => name === 'ilp_wrap_packets_total')).toMatchObject({
      type: 'counter',
      aggregator: 'sum',
      values: [{ value: 1, labels: { account: 'bob', direction: 'outgoing', outcome: 'fulfilled', code: '' } }]
    })
    expect(handle.registry.contentType).toBe(prometheusContentType)
  })
})
