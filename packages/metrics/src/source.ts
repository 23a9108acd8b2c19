import type { Clock, PluginEvent, PluginV2 } from '@ilp-wrap/core'
import { Traffic } from './traffic.js'
import type { Money } from './traffic.js'

/** What is counted of one stack, by one `metrics()` in it or by several. */
export class Source {
  readonly labels: Readonly<Record<string, string>>
  readonly clock: Clock
  /** The plugin beneath the outermost `metrics()`: its handles are those that can be seen. */
  plugin: PluginV2
  incoming: Traffic | undefined
  outgoing: Traffic | undefined
  money: Money | undefined
  /** How often each event came, by its source and then its type; undefined: they are not counted. */
  events: Map<string, Map<string, number>> | undefined
  readonly #bounds: readonly number[] | undefined

  /** `bounds`: of the durations, milliseconds; undefined: none are wanted. */
  constructor(
    labels: Readonly<Record<string, string>>,
    bounds: readonly number[] | undefined,
    plugin: PluginV2,
    clock: Clock
  ) {
    this.labels = labels
    this.#bounds = bounds
    this.plugin = plugin
    this.clock = clock
  }

  traffic(direction: 'incoming' | 'outgoing'): Traffic {
    return (this[direction] ??= new Traffic(this.#bounds))
  }

  count({ source, type }: PluginEvent): void {
    const types = this.events?.get(source) ?? new Map<string, number>()
    types.set(type, (types.get(type) ?? 0) + 1)
    this.events?.set(source, types)
  }
}
