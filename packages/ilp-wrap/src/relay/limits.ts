import { isDeepStrictEqual } from 'node:util'
import { concurrencyOf } from '@ilp-wrap/concurrency'
import type { PluginV2 } from '@ilp-wrap/core'
import { maxPacketAmountOf } from '@ilp-wrap/max-packet-amount'
import { rateLimitOf } from '@ilp-wrap/rate-limit'
import { throughputOf } from '@ilp-wrap/throughput'

/** What one middleware limits, by the option that it stands under; undefined where it does not. */
type Limits = Readonly<Record<string, unknown>>

/** A middleware whose limits can be read and changed while it runs. */
interface Adjustable {
  /** The names of its limits, in whatever option they stand. */
  readonly fields: readonly string[]
  readonly read: (plugin: PluginV2) => Limits
  readonly write: (plugin: PluginV2, limits: Limits) => void
}

/** All but `balance`, which may have to ask its ledger, and may have to refuse. */
const ADJUSTABLE: Readonly<Record<string, Adjustable>> = {
  'rate-limit': {
    fields: ['capacity', 'refillCount', 'refillMs'],
    read: (plugin) => {
      const { incoming, outgoing } = rateLimitOf(plugin)?.snapshot() ?? {}
      const peer = incoming?.peerLimits ?? outgoing?.peerLimits
      return { incoming: incoming?.limits, outgoing: outgoing?.limits, peer }
    },
    write: (plugin, limits) => rateLimitOf(plugin)?.setLimits(limits)
  },
  'max-packet-amount': {
    fields: ['maximum'],
    read: (plugin) => ({ ...maxPacketAmountOf(plugin)?.snapshot() }),
    write: (plugin, limits) => maxPacketAmountOf(plugin)?.setLimits(limits)
  },
  throughput: {
    fields: ['amount', 'refillMs', 'burst'],
    read: (plugin) => without(throughputOf(plugin)?.snapshot(), ['available']),
    write: (plugin, limits) => throughputOf(plugin)?.setLimits(limits)
  },
  concurrency: {
    fields: ['limit', 'maxQueued', 'maxQueuedAmount', 'maxWaitMs', 'marginMs', 'timeoutMs'],
    read: (plugin) => without(concurrencyOf(plugin)?.snapshot(), ['inFlight', 'waiting', 'waitingAmount']),
    write: (plugin, limits) => concurrencyOf(plugin)?.setLimits(limits)
  }
}

/** Gives a plugin the limits of another one, where both have some. They have been checked when that one was made. */
export function adjust(plugin: PluginV2, wanted: PluginV2): void {
  for (const { read, write } of Object.values(ADJUSTABLE)) {
    const present = read(plugin)
    const changes = Object.entries(read(wanted)).filter(
      ([name, limits]) =>
        limits !== undefined && present[name] !== undefined && !isDeepStrictEqual(limits, present[name])
    )
    if (changes.length > 0) write(plugin, Object.fromEntries(changes))
  }
}

/** Whether an option of a middleware is a limit that can be changed, and both plugins have it the same now. */
export function isAdjusted(middleware: string, field: string, plugin: PluginV2, wanted: PluginV2): boolean {
  const adjustable = ADJUSTABLE[middleware]
  return (
    adjustable?.fields.includes(field) === true && isDeepStrictEqual(adjustable.read(plugin), adjustable.read(wanted))
  )
}

/** The limits of both directions without what they have come to. */
function without(snapshot: object | undefined, names: readonly string[]): Limits {
  return Object.fromEntries(
    Object.entries(snapshot ?? {}).map(([direction, half]: [string, object | undefined]) => [
      direction,
      half && Object.fromEntries(Object.entries(half).filter(([name]) => !names.includes(name)))
    ])
  )
}
