import { systemClock, unwrap } from '@ilp-wrap/core'
import type { PluginV2 } from '@ilp-wrap/core'
import { concurrency } from '@ilp-wrap/concurrency'
import { errorToReject } from '@ilp-wrap/error-to-reject'
import { expire } from '@ilp-wrap/expire'
import { metrics, metricsOf } from '@ilp-wrap/metrics'
import type { AnyRegistry } from '@ilp-wrap/metrics'
import type { Named } from '../config/middleware.js'
import { pluginFrom } from '../config/plugin.js'
import type { Surroundings } from '../config/plugin.js'
import { LINKS } from './config.js'
import type { LinkName, RelaySettings } from './config.js'
import { Gate, logLayer } from './gate.js'

/** The two plugins of a relay, and what they have in common. */
export interface Links extends Readonly<Record<LinkName, PluginV2>> {
  readonly gate: Gate
  /** Where both have their series; undefined if neither is measured. */
  readonly registry: AnyRegistry | undefined
}

/**
 * Makes both plugins of a configuration; nothing is connected.
 *
 * @throws InvalidFieldsError or InvalidServicesError naming the place of a mistake
 */
export function linksOf(settings: RelaySettings): Links {
  const gate = new Gate(systemClock)
  const measured = settings.port !== undefined
  const make = (name: LinkName, registry?: AnyRegistry): PluginV2 =>
    pluginFrom(name, settings[name], {
      placesErrors: true,
      surround: (list) => surrounded(list, { gate, measured, registry })
    })
  const left = make('left')
  const leftRegistry = metricsOf(left)?.registry
  const right = make('right', leftRegistry)
  return { left, right, gate, registry: leftRegistry ?? metricsOf(right)?.registry }
}

/** Takes plugins apart that were never connected. */
export function dropLinks(links: Links): void {
  for (const name of LINKS) unwrap(links[name])
}

interface Common {
  readonly gate: Gate
  /** Whether both links are to be measured, whatever their lists say. */
  readonly measured: boolean
  /** Where `metrics` is to put its series. Default: its own. */
  readonly registry?: AnyRegistry | undefined
}

/**
 * What a relay cannot do without, where the list does not have it: a bound on what is in flight, an answer to each packet
 * by its expiry, and a reject in place of an error.
 */
export function surrounded(list: readonly Named[], { gate, measured, registry }: Common): Surroundings {
  const lacks = (name: string, option: string): boolean => !list.some((each) => acts(each, name, option))
  const addsMetrics = measured && !list.some(measures)
  const options = registry === undefined ? {} : { registry }
  return {
    // as in `recommended`: the measures see what is refused, too
    wire: [...(addsMetrics ? [metrics({ ...options, outgoing: false })] : []), gate.layer()],
    list: registry === undefined ? list : list.map((each) => measuredIn(each, registry)),
    host: [
      ...(lacks('concurrency', 'concurrency') ? [concurrency({ outgoing: false })] : []),
      ...(lacks('expire', 'expire') ? [expire({ incoming: true })] : []),
      ...(addsMetrics ? [metrics({ ...options, incoming: false })] : []),
      ...(lacks('error-to-reject', 'errorToReject') ? [errorToReject()] : []),
      logLayer
    ]
  }
}

type Options = Readonly<Record<string, unknown>>

/** Whether an entry of the list does that for what comes in. */
function acts({ name, options = {} }: Named, wanted: string, option: string): boolean {
  const given = options as Options
  if (name === 'recommended') {
    const part = given[option]
    return part !== false && (part as Options | undefined)?.['incoming'] !== false
  }
  if (name !== wanted) return false
  return name === 'expire' ? given['incoming'] === true : given['incoming'] !== false
}

/** Whether an entry counts anything: then it says what is to be counted. */
function measures({ name, options }: Named): boolean {
  return name === 'metrics' || (name === 'recommended' && (options as Options)['metrics'] !== false)
}

function measuredIn(entry: Named, registry: AnyRegistry): Named {
  const options = (entry.options ?? {}) as Options
  if (entry.name === 'metrics') return { ...entry, options: { ...options, registry } }
  if (entry.name !== 'recommended' || options['metrics'] === false) return entry
  return { ...entry, options: { ...options, metrics: { ...(options['metrics'] as object | undefined), registry } } }
}
