import type { Middleware, PluginV2 } from '@ilp-wrap/core'
import { balanceOf } from '@ilp-wrap/balance'
import { chaos, chaosOf } from '@ilp-wrap/testing'
import { recommended } from '../recommended.js'
import type { Link } from './link.js'

/** How long a plugin has to come back after a cut, before packets go on without waiting for it. */
const BACK_WITHIN_MS = 5000

type Cut = (plugin: PluginV2) => Promise<void>

/** What is on each end's plugin, next to the wire first: the recommended list. */
export function stack(amount: bigint): Middleware[] {
  const [, ...list] = recommended({
    // v1 plugins get it before the faults
    compat: false,
    balance: { maximum: amount, minimum: -amount },
    // short waits: the payment goes on meanwhile, one packet at a time
    retry: { backoff: { baseMs: 10, maxMs: 100 }, busyMs: 20, budget: false }
  })
  return list
}

/** Delays, reorders and refuses packets, and cuts the connection if it is told how. */
export function faults(seed: number, cut?: Cut): Middleware {
  return chaos({
    seed,
    outgoing: { delay: 0.05, delayAnswer: 0.05, reorder: 0.01, reject: 0.02, ...(cut && { cut: 0.002 }) },
    delayMs: 5,
    reorderMs: 5,
    ...(cut && { cut })
  })
}

/** Drops the link's connections and waits until the plugin has connected itself again. */
export function cutter(link: Link): Cut {
  return (plugin) =>
    new Promise((resolve) => {
      const back = (): void => {
        clearTimeout(timer)
        plugin.removeListener('connect', back)
        resolve()
      }
      const timer = setTimeout(back, BACK_WITHIN_MS)
      plugin.on('connect', back)
      link.cut()
    })
}

/** The balance of an end's books. */
export async function balanceAt(plugin: PluginV2): Promise<bigint> {
  return (await balanceOf(plugin).snapshot()).committed
}

/** What has been done to packets so far, by kind. */
export function faultsAt(plugin: PluginV2): Record<string, number> {
  const { outgoing } = chaosOf(plugin).counts
  return Object.fromEntries(Object.entries(outgoing).filter(([, times]) => times > 0))
}
