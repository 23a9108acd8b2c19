import type { Middleware, PluginV2 } from '@ilp-wrap/core'
import type { Scene } from './scene.js'
import type { Workshop } from './workshop.js'

/** What a manifest can say of a plugin. All count as done unless it says `false`, but for those of `RARE`. */
export type Feature =
  /** There is a peer at the other end. */
  | 'peer'
  /** Money that one end sends reaches the other. */
  | 'money'
  /** `connect()` works again after `disconnect()`; without it, an instance lives once. */
  | 'reconnect'
  /** The factory's `network.lose` cuts the connection. */
  | 'lose'
  /** The factory's `network.refuse` has connections refused. */
  | 'refuse'
  /** The factory's `network.silence` leaves those who connect without an answer. */
  | 'silence'
  /** The factory's `build` tells how an instance is made. */
  | 'build'
  /** A lost connection is made again without `connect()`. */
  | 'recovers'
  /** A prepare that the peer does not answer ends at its expiry. */
  | 'expiry'
  /** A prepare that the host does not answer ends at its expiry. */
  | 'incomingExpiry'

/** What few plugins do: these count only if the manifest says `true`. */
export const RARE: ReadonlySet<Feature> = new Set(['recovers', 'expiry', 'incomingExpiry'])

/** What a factory makes for each case. */
export interface Subject {
  /** A fresh plugin, not connected. Its `connect()` alone is to connect it to `peer`. */
  readonly plugin: PluginV2
  /** The plugin, or what acts as one, at the other end; ready before `plugin` connects. */
  readonly peer?: PeerPlugin
  readonly network?: Network
  readonly build?: Build
  /** Ends what the factory has begun. The plugin was disconnected before. */
  cleanup?(): void | Promise<void>
}

export type Factory = () => Subject | Promise<Subject>

/** The part of a plugin that a peer needs. */
export type PeerPlugin = Pick<
  PluginV2,
  | 'sendData'
  | 'sendMoney'
  | 'registerDataHandler'
  | 'deregisterDataHandler'
  | 'registerMoneyHandler'
  | 'deregisterMoneyHandler'
>

/** What can be broken between the plugin and its peer. */
export interface Network {
  /** Cuts the connection, as a failing network does. */
  lose?(): void | Promise<void>
  /** From now on connections are refused. */
  refuse?(): void | Promise<void>
  /** From now on connections get no answer. */
  silence?(): void | Promise<void>
  /** Ends `refuse` and `silence`. */
  heal?(): void | Promise<void>
}

/** How instances of the plugin are made (RFC 0024, "Constructor"). */
export interface Build {
  readonly construct: (options: unknown, services?: unknown) => unknown
  /** Options that are complete. */
  readonly options: object
  /** Options that lack something, or have something wrong. */
  readonly badOptions: object
}

export interface ConformanceOptions {
  /** Put around each plugin, a middleware or a stack of them; the clauses of a wrapped plugin are run, too. */
  readonly wrap?: Middleware
  /** The manifest: what the plugin does and does not. Cases that need what it does not do are skipped. */
  readonly supports?: Readonly<Partial<Record<Feature, boolean>>>
  /** Cases to skip, each with the reason: by clause (`C17`), or by clause and title (`C17 connects …`). */
  readonly skip?: Readonly<Record<string, string>>
  /** How long one case may take, in milliseconds. Default: 10,000. */
  readonly timeoutMs?: number
  /** How long to wait for what must not happen, in milliseconds. Default: 5. */
  readonly quietMs?: number
}

/** One testable sentence of the contract. */
export interface ConformanceCase {
  /** As docs number it: `C17`. */
  readonly clause: string
  readonly title: string
  /** Why it is not to be run, if it is not. */
  readonly skip: string | undefined
  /** Rejects with what is wrong. Settles in any case, within a few times `timeoutMs`. */
  readonly run: () => Promise<void>
}

/** A case before it knows what it is run over. */
export interface BareCase {
  readonly clause: string
  readonly title: string
  readonly needs?: readonly Feature[]
  run(scene: Scene): void | Promise<void>
}

/** A case that brings its own inner plugins, to see what becomes of them once they are wrapped. */
export interface WrappedCase {
  readonly clause: string
  readonly title: string
  readonly needs?: readonly Feature[]
  runWrapped(workshop: Workshop): void | Promise<void>
}
