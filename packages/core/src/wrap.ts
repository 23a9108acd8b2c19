import type { Observable } from 'rxjs'
import type { PluginV1, PluginV2 } from './contract.js'
import type { PluginEvent } from './events.js'
import { Layer, describeLink, linkOf } from './layer.js'
import type { Description } from './layer.js'
import { handleIn } from './link.js'
import type { Link } from './link.js'
import type { Context, Definition, Hooks, Middleware, Setup } from './middleware.js'
import { SafeObservable } from './stream.js'

/** A wrapped plugin: a v2 plugin that has the inner one's other members, too. */
export type Wrapped<P extends object> = PluginV2 & Omit<P, keyof PluginV2>

/**
 * Makes a middleware. `setup` runs once for each plugin that is wrapped and returns its hooks; state that it holds is
 * that plugin's own. Making a layer throws a TypeError when the plugin is none, and InvalidServicesError when the
 * context lacks what `definition.needs` names.
 */
export function defineMiddleware(definition: Definition, setup: (setup: Setup) => Hooks): Middleware {
  return (plugin, context) => new Layer(plugin, context, definition, setup)
}

/**
 * Puts middleware around a plugin: the first stands next to the wire, the last next to the host, so that
 * `wrap(p, [a, b])` is `b(a(p))`. A v1 plugin needs `compat()` first.
 *
 * @throws TypeError when the plugin or a middleware is none, or a v1 plugin comes without `compat()`
 */
export function wrap<P extends PluginV2>(plugin: P, middleware: readonly Middleware[], context?: Context): Wrapped<P>
export function wrap(
  plugin: PluginV1,
  middleware: readonly [Middleware<PluginV1>, ...Middleware[]],
  context?: Context
): PluginV2
export function wrap(plugin: object, middleware: readonly unknown[], context?: Context): PluginV2 {
  if (!Array.isArray(middleware)) throw new TypeError('Expected `middleware` to be an array of functions')
  let wrapped = plugin as PluginV2
  for (const [index, each] of (middleware as readonly unknown[]).entries()) {
    if (typeof each !== 'function') {
      throw new TypeError(`Expected \`middleware[${index}]\` to be a function, got a value of type ${typeof each}`)
    }
    wrapped = (each as Middleware)(wrapped, context)
  }
  return linkOf(wrapped) !== undefined && (middleware.length > 0 || context === undefined)
    ? wrapped
    : new Layer(wrapped, context)
}

/** What a wrapped plugin is made of, from wire to host. */
export function describe(plugin: object): Description {
  return describeLink(linkIn(plugin))
}

/** What the middleware of a stack report: one hot stream for all of its layers. Observers cannot break a packet. */
export function events(plugin: object): Observable<PluginEvent> {
  return linkIn(plugin).services.events
}

/** Whether the plugin is connected, as its host is told: the present state first, then each change. */
export function connected$(plugin: object): Observable<boolean> {
  const layer = layerOf(plugin)
  return new SafeObservable(
    {
      report: (error) => {
        linkIn(layer).services.logFor('core').error('an observer of the connection threw: %O', error)
      }
    },
    (subscriber) => {
      let last: boolean | undefined
      const tell = (connected: boolean): void => {
        if (connected === last) return
        last = connected
        subscriber.next(connected)
      }
      tell(layer.isConnected())
      return Layer.eventsOf(layer).watch(tell)
    }
  )
}

/** The controls of a stack's middleware of that name, if it has one and the middleware offers any. */
export function handleOf(plugin: object, name: string): object | undefined {
  return handleIn(linkIn(plugin), name)
}

function linkIn(plugin: unknown): Link {
  return linkOf(plugin) ?? notWrapped()
}

function layerOf(plugin: unknown): Layer {
  return plugin instanceof Layer ? plugin : notWrapped()
}

function notWrapped(): never {
  throw new TypeError('Expected a wrapped plugin, got something that wrap() did not make')
}
