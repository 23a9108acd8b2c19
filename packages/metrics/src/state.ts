import { handleOf } from '@ilp-wrap/core'
import type { Clock, PluginV2 } from '@ilp-wrap/core'

/** The value of one series at one moment. */
export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** What a stack's middleware tell of their state, by the metric's name. */
export type State = ReadonlyMap<string, readonly Sample[]>

/** A ledger that does not answer must not keep a scrape waiting, which has other things to show. */
const SNAPSHOT_TIMEOUT_MS = 1000

const DIRECTIONS = ['incoming', 'outgoing'] as const
const CIRCUIT_STATES = ['closed', 'open', 'half-open', 'isolated']

/**
 * Reads what the handles of a stack tell. They are known by name and by the fields that are read here, not by type, so
 * that no other middleware has to be installed; what is missing or fails makes no series.
 */
export async function stateOf(plugin: PluginV2, clock: Clock): Promise<State> {
  const reading = new Reading()
  reading.add('connected', {}, plugin.isConnected() ? 1 : 0)
  const circuit = field(handle(plugin, 'circuit-breaker'), 'state')
  if (CIRCUIT_STATES.includes(circuit as string)) {
    for (const state of CIRCUIT_STATES) reading.add('circuit_state', { state }, state === circuit ? 1 : 0)
  }
  const rates = snapshot(plugin, 'rate-limit')
  const slots = snapshot(plugin, 'concurrency')
  const amounts = snapshot(plugin, 'throughput')
  for (const direction of DIRECTIONS) {
    reading.add('rate_limit_tokens', { direction }, field(field(rates, direction), 'tokens'))
    reading.add('rate_limit_waiting', { direction }, field(field(rates, direction), 'waiting'))
    reading.add('concurrency_in_flight', { direction }, field(field(slots, direction), 'inFlight'))
    reading.add('concurrency_waiting', { direction }, field(field(slots, direction), 'waiting'))
    reading.add('throughput_available', { direction }, field(field(amounts, direction), 'available'))
  }
  const books = await settled(snapshot(plugin, 'balance'), clock)
  reading.add('balance', {}, field(books, 'committed'))
  reading.add('balance_holds', { direction: 'incoming' }, field(books, 'holdsIn'))
  reading.add('balance_holds', { direction: 'outgoing' }, field(books, 'holdsOut'))
  reading.add('balance_limit', { bound: 'maximum' }, field(field(books, 'limits'), 'maximum'))
  reading.add('balance_limit', { bound: 'minimum' }, field(field(books, 'limits'), 'minimum'))
  reading.add('settlements_suspended', {}, field(field(books, 'suspended'), 'length'))
  return reading.samples
}

class Reading {
  readonly samples: Map<string, Sample[]> = new Map()

  /** What is no number makes no sample. */
  add(name: string, labels: Sample['labels'], value: unknown): void {
    if (typeof value !== 'number' && typeof value !== 'bigint') return
    const sample = { labels, value: Number(value) }
    const samples = this.samples.get(name)
    if (samples === undefined) this.samples.set(name, [sample])
    else samples.push(sample)
  }
}

function handle(plugin: PluginV2, name: string): object | undefined {
  try {
    return handleOf(plugin, name)
  } catch {
    // the plugin itself, beneath all layers
    return undefined
  }
}

function snapshot(plugin: PluginV2, name: string): unknown {
  const found = handle(plugin, name) as { snapshot?: unknown } | undefined
  if (typeof found?.snapshot !== 'function') return undefined
  try {
    return Reflect.apply(found.snapshot, found, []) as unknown
  } catch {
    return undefined
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

/** What a promise gives, or undefined if it fails or takes too long. */
function settled(value: unknown, clock: Clock): unknown {
  if (!(value instanceof Promise)) return value
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => resolve(undefined), SNAPSHOT_TIMEOUT_MS)
    const end = (result: unknown): void => {
      clock.clearTimeout(timer)
      resolve(result)
    }
    value.then(end, () => end(undefined))
  })
}
