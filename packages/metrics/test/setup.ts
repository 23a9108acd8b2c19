import { wrap } from '@ilp-wrap/core'
import type { Context, Middleware, PluginV2 } from '@ilp-wrap/core'
import { fulfill, mockPair, testClock } from '@ilp-wrap/testing'
import type { MockPeer, TestClock } from '@ilp-wrap/testing'
import type { MetricsHandle } from '../src/index.js'
import { metrics, metricsOf } from '../src/index.js'
import type { MetricsOptions } from '../src/index.js'

export interface Fixture {
  clock: TestClock
  plugin: PluginV2
  peer: MockPeer
  handle: MetricsHandle
}

/** A connected plugin of the account `bob`, with `metrics()` over what is beneath; peer and host fulfill all. */
export function setup(options?: MetricsOptions, context: Context = {}, beneath: Middleware[] = []): Fixture {
  const clock = testClock()
  const { plugin: inner, peer } = mockPair({ connected: true })
  const plugin = wrap(inner, [...beneath, metrics(options)], { clock, account: 'bob', ...context })
  peer.onData = () => Promise.resolve(fulfill())
  peer.onMoney = () => Promise.resolve()
  plugin.registerDataHandler(() => Promise.resolve(fulfill()))
  plugin.registerMoneyHandler(() => Promise.resolve())
  return { clock, plugin, peer, handle: metricsOf(plugin)! }
}

/** The lines of a text for Prometheus: the value of each series. Fails on a series that is there twice. */
export function parse(text: string): Record<string, number> {
  const series: Record<string, number> = {}
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [, name, value] = /^(\S+(?:\{.*\})?) (\S+)$/.exec(line) ?? []
    if (name === undefined || value === undefined) throw new Error(`Not a line of metrics: ${line}`)
    if (name in series) throw new Error(`There twice: ${name}`)
    series[name] = Number(value)
  }
  return series
}

/** The series whose names hold `part`. */
export async function seriesOf(handle: MetricsHandle, part: string): Promise<Record<string, number>> {
  return Object.fromEntries(Object.entries(parse(await handle.text())).filter(([name]) => name.includes(part)))
}
