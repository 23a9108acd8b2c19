import { badOption } from '@ilp-wrap/core/options'
import { boolean, integer, milliseconds, object, string } from '../config/kinds.js'
import type { Kind, Schema } from '../config/kinds.js'
import { assertStoresAgree } from '../config/ledgers.js'
import type { Named } from '../config/middleware.js'
import { pluginKind } from '../config/plugin.js'
import type { PluginConfig } from '../config/plugin.js'
import { pluginSchema } from '../config/schema.js'

/** The configuration of `ilp-wrap relay`; its JSON Schema is `ilp-wrap/relay.schema.json`. */
export interface RelayConfig {
  readonly left: PluginConfig
  readonly right: PluginConfig
  /** Prepares go on with an expiry that is earlier by as many milliseconds. Default: 1000. */
  readonly reduceMs?: number
  /** Prepares that would have less time left are answered with R02. Default: 1000. */
  readonly minimumWindowMs?: number
  /** Whether money that comes in at one link goes out at the other. Default: false, each link settles its own books. */
  readonly passMoney?: boolean
  /** Where health and metrics can be asked for, on loopback; port 0 takes any that is free. Default: nowhere. */
  readonly http?: { readonly port: number }
}

export const LINKS = ['left', 'right'] as const
export type LinkName = (typeof LINKS)[number]

/** A configuration with its defaults. */
export interface RelaySettings {
  readonly left: PluginConfig & { readonly account: string }
  readonly right: PluginConfig & { readonly account: string }
  readonly reduceMs: number
  readonly minimumWindowMs: number
  readonly passMoney: boolean
  readonly port: number | undefined
}

const relayKind: Kind = object(
  {
    // for editors
    $schema: string,
    left: pluginKind,
    right: pluginKind,
    reduceMs: milliseconds(),
    minimumWindowMs: milliseconds(),
    passMoney: boolean,
    http: object({ port: integer(0, 65_535) }, ['port'])
  },
  ['left', 'right']
)

interface Checked extends Omit<RelayConfig, LinkName> {
  readonly left: { readonly middleware?: readonly Named[] }
  readonly right: { readonly middleware?: readonly Named[] }
}

/**
 * The settings that a configuration comes to.
 *
 * @throws InvalidFieldsError naming the place of the first mistake
 */
export function relaySettings(config: unknown): RelaySettings {
  const checked = relayKind.read('', config) as Checked
  const { reduceMs = 1000, minimumWindowMs = 1000, passMoney = false, http } = checked
  const { left, right } = config as RelayConfig
  const settings = {
    left: { account: 'left', ...left },
    right: { account: 'right', ...right },
    reduceMs,
    minimumWindowMs,
    passMoney,
    port: http?.port
  }
  if (settings.left.account === settings.right.account) {
    badOption('right.account', 'another than that of `left`', settings.right.account)
  }
  const entries = LINKS.flatMap((name) => checked[name].middleware ?? [])
  assertStoresAgree(entries)
  const settling = entries.find(settles)
  if (passMoney && settling !== undefined) {
    badOption('passMoney', `false, as \`${settling.path}\` settles by itself and each debt would be paid twice`, true)
  }
  return settings
}

/** Whether an entry of a list pays what is owed by itself. */
function settles({ name, options }: Named): boolean {
  const { balance, settleThreshold } = (options ?? {}) as { balance?: unknown; settleThreshold?: unknown }
  if (name === 'balance') return settleThreshold !== undefined
  return (
    name === 'recommended' &&
    Object(balance) === balance &&
    settles({ path: '', name: 'balance', options: balance as object })
  )
}

/** The JSON Schema of what `ilp-wrap relay` takes; `schema/relay.schema.json` is this, written out. */
export function relaySchema(): Schema {
  const { $schema, definitions } = pluginSchema()
  return { $schema, title: 'Configuration of ilp-wrap relay', ...relayKind.schema, definitions }
}
