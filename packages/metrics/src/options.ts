import { badOption, boolean, known, number, string } from '@ilp-wrap/core/options'
import type { Tracer } from '@opentelemetry/api'
import type { Registry, RegistryContentType } from 'prom-client'

/** A registry of prom-client, be it for Prometheus or OpenMetrics text. */
export type AnyRegistry = Registry<RegistryContentType>

export interface MetricsOptions {
  /** Whether packets from the peer are counted. Default: true. */
  readonly incoming?: boolean
  /** Whether packets to the peer are counted. Default: true. */
  readonly outgoing?: boolean
  /** Whether payments are counted, both ways, unless a `metrics()` beneath does. Default: true. */
  readonly money?: boolean
  /**
   * Where the series go, to be shared with other plugins and the host's own. Default: that of a `metrics()` beneath, or
   * else one that all plugins share which are wrapped with what this call of `metrics()` gave.
   */
  readonly registry?: AnyRegistry
  /** What the names of all metrics begin with. Default: 'ilp_wrap_'. */
  readonly prefix?: string
  /** Labels of all series, beside `account`. Default: none. */
  readonly labels?: Readonly<Record<string, string>>
  /** Bounds of the durations in seconds, ascending, or `false` for no durations. Default: from 1 ms to 30 s. */
  readonly buckets?: readonly number[] | false
  /**
   * Whether the stack's events are counted, by their type. Default: false, as with an observer each middleware makes its
   * events, which costs time per packet.
   */
  readonly events?: boolean
  /** A span for each exchange, by this tracer or, if true, the global one of OpenTelemetry. Default: false. */
  readonly trace?: boolean | Tracer
}

export interface Config {
  readonly incoming: boolean
  readonly outgoing: boolean
  readonly money: boolean
  readonly registry: AnyRegistry | undefined
  readonly prefix: string
  readonly labels: Readonly<Record<string, string>>
  /** Seconds; undefined: no durations. */
  readonly buckets: readonly number[] | undefined
  readonly events: boolean
  readonly trace: boolean | Tracer
}

/** Connectors hold a packet for 30 s at most. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** What the metrics have as labels of their own; `le` is a histogram's. */
const RESERVED = ['account', 'direction', 'outcome', 'code', 'state', 'bound', 'source', 'type', 'le']

/** Throws InvalidFieldsError on an option that is unknown or wrong. */
export function validated(options: MetricsOptions | undefined): Config {
  const given = known(options, [
    'incoming',
    'outgoing',
    'money',
    'registry',
    'prefix',
    'labels',
    'buckets',
    'events',
    'trace'
  ])
  const prefix = string('prefix', given.prefix ?? 'ilp_wrap_')
  if (!/^([a-zA-Z_:][a-zA-Z0-9_:]*)?$/.test(prefix)) badOption('prefix', 'the beginning of a metric name', prefix)
  return {
    incoming: boolean('incoming', given.incoming ?? true),
    outgoing: boolean('outgoing', given.outgoing ?? true),
    money: boolean('money', given.money ?? true),
    registry: registryOf(given.registry),
    prefix,
    labels: given.labels === undefined ? {} : labelsOf(given.labels),
    buckets: given.buckets === false ? undefined : bucketsOf(given.buckets ?? BUCKETS),
    events: boolean('events', given.events ?? false),
    trace: given.trace === undefined ? false : traceOf(given.trace)
  }
}

function registryOf(registry: AnyRegistry | undefined): AnyRegistry | undefined {
  if (registry === undefined) return undefined
  const method: unknown = (registry as Partial<AnyRegistry> | null)?.registerMetric
  if (typeof method !== 'function') badOption('registry', 'a Registry of prom-client', registry)
  return registry
}

function labelsOf(labels: unknown): Readonly<Record<string, string>> {
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) badOption('labels', 'an object', labels)
  for (const [name, value] of Object.entries(labels)) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) || RESERVED.includes(name)) {
      badOption('labels', `names of labels other than ${RESERVED.join(', ')}`, name)
    }
    string(`labels.${name}`, value)
  }
  return { ...labels }
}

function bucketsOf(buckets: unknown): readonly number[] {
  if (!Array.isArray(buckets) || buckets.length === 0) badOption('buckets', 'an array of seconds, or false', buckets)
  const given: readonly unknown[] = buckets
  return given.map((bound, index) => {
    const seconds = number('buckets', bound)
    if (index > 0 && seconds <= (given[index - 1] as number)) badOption('buckets', 'in ascending order', seconds)
    return seconds
  })
}

function traceOf(trace: unknown): boolean | Tracer {
  if (typeof trace === 'boolean') return trace
  const method = (trace as Partial<Tracer> | null)?.startSpan
  if (typeof method !== 'function') badOption('trace', 'a boolean or a Tracer of OpenTelemetry', trace)
  return trace as Tracer
}
