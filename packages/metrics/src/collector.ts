import { badOption } from '@ilp-wrap/core/options'
import type { Metric } from 'prom-client'
import type { AnyRegistry } from './options.js'
import type { Source } from './source.js'
import { stateOf } from './state.js'
import type { Sample, State } from './state.js'
import type { Traffic } from './traffic.js'

/** A sample that says which line of a histogram it is. */
interface Line extends Sample {
  readonly metricName?: string | undefined
}

type Reader = (source: Source, state: State, name: string) => Iterable<Line>

/**
 * One metric, in the shape in which a registry of prom-client asks for it. Its series are not stored but made when they
 * are asked for, from the counters of the plugins there are; so 10000 plugins need no second copy of each, and those of a
 * plugin that is gone are gone with it.
 */
class Family {
  /** A registry for OpenMetrics changes it. */
  name: string
  readonly key: string
  readonly help: string
  readonly type: string
  readonly aggregator: string = 'sum'
  readonly #collector: Collector
  readonly #read: Reader

  constructor(collector: Collector, name: string, help: string, type: string, read: Reader) {
    this.name = name
    this.key = name
    this.help = help
    this.type = type
    this.#collector = collector
    this.#read = read
  }

  async get(): Promise<object> {
    const { name, help, type, aggregator } = this
    return { name, help, type, aggregator, values: await this.#collector.lines(this.#read, this.key) }
  }

  /** What a plugin has counted stays counted. */
  reset(): void {
    // nothing is stored here
  }
}

const collectors = new WeakMap<AnyRegistry, Map<string, Collector>>()

/** What all plugins have in common whose series have the same prefix in the same registry. */
export class Collector {
  readonly registry: AnyRegistry
  readonly prefix: string
  /** Seconds; undefined: there are no durations. */
  readonly #buckets: readonly number[] | undefined
  readonly #families: readonly Family[]
  /** Those with the same labels share their series. */
  readonly #sources: Map<string, Set<Source>> = new Map()
  #states: Promise<ReadonlyMap<Source, State>> | undefined

  /** The one of this registry and prefix. Throws InvalidFieldsError if it has other buckets. */
  static of(registry: AnyRegistry, prefix: string, buckets: readonly number[] | undefined): Collector {
    let ofRegistry = collectors.get(registry)
    if (ofRegistry === undefined) {
      ofRegistry = new Map()
      collectors.set(registry, ofRegistry)
    }
    let collector = ofRegistry.get(prefix)
    if (collector === undefined || collector.#sources.size === 0) {
      collector = new Collector(registry, prefix, buckets)
      ofRegistry.set(prefix, collector)
    }
    if (String(collector.#buckets) !== String(buckets)) {
      badOption('buckets', `those that the registry has already (${String(collector.#buckets)})`, String(buckets))
    }
    return collector
  }

  private constructor(registry: AnyRegistry, prefix: string, buckets: readonly number[] | undefined) {
    this.registry = registry
    this.prefix = prefix
    this.#buckets = buckets
    this.#families = this.#made()
  }

  /** Throws, as prom-client does, if the registry has other metrics of these names. */
  add(source: Source): void {
    for (const family of this.#families) this.registry.registerMetric(family as unknown as Metric)
    const key = JSON.stringify(source.labels)
    const sources = this.#sources.get(key)
    if (sources === undefined) this.#sources.set(key, new Set([source]))
    else sources.add(source)
  }

  /** The last one takes the metrics with it. */
  delete(source: Source): void {
    const key = JSON.stringify(source.labels)
    const sources = this.#sources.get(key)
    if (sources?.delete(source) !== true || sources.size > 0) return
    this.#sources.delete(key)
    if (this.#sources.size > 0) return
    for (const family of this.#families) {
      const there: unknown = this.registry.getSingleMetric(family.key)
      if (there === family) this.registry.removeSingleMetric(family.key)
    }
  }

  async lines(read: Reader, name: string): Promise<Line[]> {
    const states = await this.#read()
    const lines: Line[] = []
    for (const sources of this.#sources.values()) {
      const found = [...sources].flatMap((source) => {
        const own = [...read(source, states.get(source) ?? NOTHING, name)]
        return own.map(({ metricName, labels, value }) => ({
          metricName,
          labels: { ...source.labels, ...labels },
          value
        }))
      })
      for (const line of sources.size > 1 ? summed(found) : found) lines.push(line)
    }
    return lines
  }

  /** The metrics of one scrape are asked for at the same time, and share what was read. */
  #read(): Promise<ReadonlyMap<Source, State>> {
    this.#states ??= this.#readAll().finally(() => {
      this.#states = undefined
    })
    return this.#states
  }

  async #readAll(): Promise<ReadonlyMap<Source, State>> {
    const states = new Map<Source, State>()
    const read = async (source: Source): Promise<void> => {
      // a plugin that fails to tell its state must not hide the others
      states.set(source, await stateOf(source.plugin, source.clock).catch(() => NOTHING))
    }
    await Promise.all([...this.#sources.values()].flatMap((sources) => [...sources].map(read)))
    return states
  }

  #made(): readonly Family[] {
    const { prefix } = this
    const buckets = this.#buckets
    const make = (type: string, name: string, help: string, read: Reader): Family =>
      new Family(this, `${prefix}${name}`, help, type, read)
    const state = (name: string, help: string): Family =>
      make('gauge', name, help, (_source, found) => found.get(name) ?? [])
    return [
      make('counter', 'packets_total', 'Exchanges that have ended', packets),
      make('counter', 'packet_value_total', 'Base units of the prepares that have ended', values),
      ...(buckets === undefined
        ? []
        : [
            make('histogram', 'packet_duration_seconds', 'From an exchange to its end', (source, _state, name) =>
              durations(source, name, buckets)
            )
          ]),
      make('gauge', 'packets_in_flight', 'Exchanges that have not ended', inFlight),
      make('counter', 'money_total', 'Payments', payments),
      make('counter', 'money_value_total', 'Base units of payments', paid),
      make('counter', 'events_total', 'Events of the middleware', events),
      state('connected', 'Whether the plugin is connected'),
      state('balance', 'Base units that the peer owes; below zero: that are owed to it'),
      state('balance_holds', 'Base units of packets on their way'),
      state('balance_limit', 'Base units that the balance may come to'),
      state('settlements_suspended', 'Payments of which nobody knows whether they arrived'),
      state('rate_limit_tokens', 'Packets that may pass at once'),
      state('rate_limit_waiting', 'Packets that wait for their turn'),
      state('concurrency_in_flight', 'Packets that have one of the slots'),
      state('concurrency_waiting', 'Packets that wait for a slot'),
      state('throughput_available', 'Base units that may pass at once'),
      state('circuit_state', '1 for the state that the circuit breaker is in')
    ]
  }
}

const NOTHING: State = new Map()

/** The metrics' values, those with the same labels added up. */
function summed(lines: readonly Line[]): Iterable<Line> {
  const sums = new Map<string, Line>()
  for (const line of lines) {
    const key = JSON.stringify([line.metricName, line.labels])
    const sum = sums.get(key)
    sums.set(key, sum === undefined ? line : { ...sum, value: sum.value + line.value })
  }
  return sums.values()
}

function* traffics(source: Source): Iterable<[direction: string, traffic: Traffic]> {
  if (source.incoming !== undefined) yield ['incoming', source.incoming]
  if (source.outgoing !== undefined) yield ['outgoing', source.outgoing]
}

function* packets(source: Source): Iterable<Line> {
  for (const [direction, { tallies }] of traffics(source)) {
    for (const { outcome, code, packets } of tallies) yield { labels: { direction, outcome, code }, value: packets }
  }
}

function* values(source: Source): Iterable<Line> {
  for (const [direction, { tallies }] of traffics(source)) {
    for (const { outcome, code, value } of tallies) {
      if (outcome !== 'answered') yield { labels: { direction, outcome, code }, value: Number(value) }
    }
  }
}

function* durations(source: Source, name: string, buckets: readonly number[]): Iterable<Line> {
  for (const [direction, traffic] of traffics(source)) {
    for (const { outcome, counts, sum } of traffic.durations) {
      const labels = { direction, outcome }
      let count = 0
      for (const [index, of] of counts.entries()) {
        count += of
        yield { metricName: `${name}_bucket`, labels: { ...labels, le: buckets[index] ?? '+Inf' }, value: count }
      }
      yield { metricName: `${name}_sum`, labels, value: sum / 1000 }
      yield { metricName: `${name}_count`, labels, value: count }
    }
  }
}

function* inFlight(source: Source): Iterable<Line> {
  for (const [direction, traffic] of traffics(source)) yield { labels: { direction }, value: traffic.inFlight }
}

function* payments(source: Source): Iterable<Line> {
  for (const { direction, outcome, count } of source.money?.payments ?? []) {
    yield { labels: { direction, outcome }, value: count }
  }
}

function* paid(source: Source): Iterable<Line> {
  for (const { direction, outcome, value } of source.money?.payments ?? []) {
    yield { labels: { direction, outcome }, value: Number(value) }
  }
}

function* events(source: Source): Iterable<Line> {
  for (const [from, types] of source.events ?? []) {
    for (const [type, count] of types) yield { labels: { source: from, type }, value: count }
  }
}
