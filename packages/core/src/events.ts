/**
 * The events that middleware report to observers. Each package adds its own by declaration merging:
 * `declare module '@ilp-wrap/core' { interface PluginEvents { 'packet-rejected': { code: string } } }`
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it is filled by declaration merging
export interface PluginEvents {}

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
