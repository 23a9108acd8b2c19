import { isDeepStrictEqual } from 'node:util'
import { balanceOf } from '@ilp-wrap/balance'
import type { PluginV2 } from '@ilp-wrap/core'
import { within } from '../config/middleware.js'
import type { MiddlewareConfig, Named } from '../config/middleware.js'
import { pluginKind } from '../config/plugin.js'
import type { PluginConfig } from '../config/plugin.js'
import { LINKS } from './config.js'
import type { RelaySettings } from './config.js'
import { adjust, isAdjusted } from './limits.js'
import { dropLinks, linksOf } from './links.js'
import type { Links } from './links.js'

/** What a running relay was made with, and where its limits come from now. */
export interface Present {
  readonly started: RelaySettings
  readonly limits: RelaySettings
}

/**
 * Gives the plugins of a running relay the limits of other settings. Gives the places of all else in which those differ
 * from what it was started with, which only a restart brings about.
 *
 * @throws InvalidFieldsError or InvalidServicesError naming the place of a mistake; nothing is changed then
 */
export function reload(links: Links, present: Present, wanted: RelaySettings): string[] {
  // made as at a start, so that all mistakes are found, and taken apart again
  const model = linksOf(wanted)
  try {
    adjustBalances(links, present.limits, wanted)
    for (const name of LINKS) adjust(links[name], model[name])
    return differencesOf(links, model, present.started, wanted)
  } finally {
    dropLinks(model)
  }
}

/** Only they may refuse: a settlement that is to stay as it is may not go with new limits. */
function adjustBalances(links: Links, present: RelaySettings, wanted: RelaySettings): void {
  const done: (() => void)[] = []
  try {
    for (const name of LINKS) {
      const before = balanceIn(name, present[name])
      const after = balanceIn(name, wanted[name])
      if (before === undefined || after === undefined) continue
      const handle = balanceOf(links[name])
      within(after.path, () => handle.setLimits(after.limits))
      done.push(() => handle.setLimits(before.limits))
    }
  } catch (error) {
    for (const undo of done) undo()
    throw error
  }
}

interface Balance {
  readonly path: string
  readonly limits: { readonly maximum: bigint | number; readonly minimum: bigint | number }
}

/** What a plugin's books are limited to; undefined if there are none, or one for each direction. */
function balanceIn(path: string, config: PluginConfig): Balance | undefined {
  const { middleware = [] } = pluginKind.read(path, config) as { middleware?: readonly Named[] }
  const balances = middleware.flatMap((each): Balance[] => {
    const { balance: part } = (each.options ?? {}) as { balance?: object | false }
    const own =
      each.name === 'balance' ? each.options : each.name === 'recommended' && part !== false ? part : undefined
    return own === undefined ? [] : [{ path: each.path, limits: balanceLimits(own) }]
  })
  return balances.length === 1 ? balances[0] : undefined
}

function balanceLimits(options: object): Balance['limits'] {
  const { maximum, minimum = -Infinity } = options as { maximum: bigint | number; minimum?: bigint | number }
  return { maximum, minimum }
}

/** The places in which two configurations differ, but for the limits that are the same by now. */
function differencesOf(links: Links, model: Links, present: RelaySettings, wanted: RelaySettings): string[] {
  const { left: presentLeft, right: presentRight, port: presentPort, ...presentRules } = present
  const { left, right, port, ...rules } = wanted
  const plugin = (config: PluginConfig): object => ({ ...config, middleware: undefined })
  return [
    ...differences(
      { left: plugin(presentLeft), right: plugin(presentRight), ...presentRules, http: { port: presentPort } },
      { left: plugin(left), right: plugin(right), ...rules, http: { port } }
    ).map((keys) => keys.join('.')),
    ...LINKS.flatMap((name) => {
      const path = `${name}.middleware`
      const lists = [present[name], wanted[name]].map(({ middleware = [] }) => middleware.map(entryOf))
      const [before, after] = lists as [Entry[], Entry[]]
      const [, names] = lists.map((list) => list.map((entry) => entry.name)) as [string[], string[]]
      if (
        !isDeepStrictEqual(
          before.map((entry) => entry.name),
          names
        )
      )
        return [path]
      return before.flatMap(({ name: middleware, options }, index) =>
        differences(options, after[index]?.options)
          .filter((keys) => !isLimit(middleware, keys, links[name], model[name], balanceIn(name, wanted[name])))
          .map((keys) => [`${path}[${index}][1]`, ...keys].join('.'))
      )
    })
  ]
}

interface Entry {
  readonly name: string
  readonly options: object
}

function entryOf(config: MiddlewareConfig): Entry {
  const [name, options] = typeof config === 'string' ? [config, {}] : config
  return { name: name.replace(/^@ilp-wrap\//, ''), options }
}

/** Whether what stands under these keys is a limit that has been taken over. */
function isLimit(
  middleware: string,
  keys: readonly string[],
  plugin: PluginV2,
  model: PluginV2,
  balance: Balance | undefined
): boolean {
  const [first = '', ...rest] = keys
  if (middleware === 'recommended') return isLimit(kebabCase(first), rest, plugin, model, balance)
  const field = keys.at(-1) ?? ''
  if (middleware === 'balance') return balance !== undefined && ['maximum', 'minimum'].includes(field)
  return isAdjusted(middleware, field, plugin, model)
}

function kebabCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** The keys that lead to each value in which two objects differ. An object may be added or missing as a whole. */
function differences(before: unknown, after: unknown): string[][] {
  if (isDeepStrictEqual(before, after)) return []
  if (!isObject(before ?? {}) || !isObject(after ?? {})) return [[]]
  const [one, other] = [before ?? {}, after ?? {}] as [Record<string, unknown>, Record<string, unknown>]
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((key) =>
    differences(one[key], other[key]).map((keys) => [key, ...keys])
  )
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && !Array.isArray(value)
}
