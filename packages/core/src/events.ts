/**
 * The events that middleware report to observers. Each package adds its own by declaration merging:
 * `declare module '@ilp-wrap/core' { interface PluginEvents { 'retry-scheduled': { delayMs: number } } }`
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it is filled by declaration merging
export interface PluginEvents {}

/** Which way a packet goes: 'outgoing' from host to peer, 'incoming' from peer to host. */
export type Direction = 'incoming' | 'outgoing'

/**
 * Facts that more than one middleware reports. Each of these declares the event with this one type, as merged
 * declarations must agree: `interface PluginEvents { 'packet-rejected': PacketRejected }`.
 */

/** `packet-rejected`: a middleware answered a prepare itself, or refused other data with an error. */
export interface PacketRejected {
  readonly direction: Direction
  /** The code of the reject (RFC 0027, "Error Codes"), or the `ilpErrorCode` of the error. */
  readonly code: string
  /** Base units; undefined for data that is no prepare, as is `destination`. */
  readonly amount: bigint | undefined
  readonly destination: string | undefined
}

/** `late-fulfill`: a fulfill came after the prepare's expiry, and does not count (RFC 0027, "Terminology"). */
export interface LateFulfill {
  readonly direction: Direction
  /** Base units. */
  readonly amount: bigint
  readonly destination: string
  /** When the prepare expired, milliseconds since 1970. */
  readonly expiresAt: number
}

/** One event: what its type says, the middleware it comes from, and when (milliseconds since 1970). */
export type PluginEvent = {
  [T in keyof PluginEvents]: { readonly type: T; readonly source: string; readonly at: number } & Readonly<
    PluginEvents[T]
  >
}[keyof PluginEvents]

/** An event as a middleware hands it to `emit`: `source` and `at` are stamped by the stack. */
export type PluginEventInput = {
  [T in keyof PluginEvents]: { readonly type: T } & Readonly<PluginEvents[T]>
}[keyof PluginEvents]
