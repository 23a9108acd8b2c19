import { handleOf } from '@ilp-wrap/core'
import type { Collector } from './collector.js'
import type { AnyRegistry } from './options.js'
import type { Source } from './source.js'
import type { Outcome, Payments } from './traffic.js'

export const NAME = 'metrics'

/** What was counted of packets in one direction. */
export interface TrafficSnapshot {
  readonly inFlight: number
  readonly outcomes: readonly {
    readonly outcome: Outcome
    /** Of a reject, or of an error that has one; else empty. */
    readonly code: string
    readonly packets: number
    /** Base units. */
    readonly value: bigint
  }[]
}

/** What was counted of one plugin, exact. What is not counted is undefined. */
export interface MetricsSnapshot {
  readonly incoming: TrafficSnapshot | undefined
  readonly outgoing: TrafficSnapshot | undefined
  readonly money: readonly Readonly<Payments>[] | undefined
}

export interface MetricsHandle {
  readonly registry: AnyRegistry
  /** What `registry.metrics()` gives: the text for a scrape, with all that is in the registry. */
  text(): Promise<string>
  snapshot(): MetricsSnapshot
}

/** The counters of a wrapped plugin, undefined if it has none. */
export function metricsOf(plugin: object): MetricsHandle | undefined {
  return handleOf(plugin, NAME) as MetricsHandle | undefined
}

export class Handle implements MetricsHandle {
  readonly collector: Collector
  readonly source: Source

  constructor(collector: Collector, source: Source) {
    this.collector = collector
    this.source = source
  }

  get registry(): AnyRegistry {
    return this.collector.registry
  }

  text(): Promise<string> {
    return this.registry.metrics()
  }

  snapshot(): MetricsSnapshot {
    const { incoming, outgoing, money } = this.source
    return {
      incoming: incoming && trafficOf(incoming),
      outgoing: outgoing && trafficOf(outgoing),
      money: money?.payments.map((each) => ({ ...each }))
    }
  }
}

function trafficOf({ inFlight, tallies }: NonNullable<Source['incoming']>): TrafficSnapshot {
  return {
    inFlight,
    outcomes: tallies.map(({ outcome, code, packets, value }) => ({ outcome, code, packets, value }))
  }
}
