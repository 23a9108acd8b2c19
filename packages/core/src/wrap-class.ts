import type { PluginClass, PluginServices, PluginV2 } from './contract.js'
import type { Context, Middleware } from './middleware.js'
import { wrap } from './wrap.js'

/** A list of middleware, or what makes one from a plugin's own options and services. */
export type MiddlewareList<In extends object = PluginV2> =
  | readonly [Middleware<In>, ...Middleware[]]
  | readonly Middleware[]
  | ((
      options: object,
      services: PluginServices | undefined
    ) => readonly [Middleware<In>, ...Middleware[]] | readonly Middleware[])

/**
 * A class that makes wrapped plugins: with the constructor of RFC 0024 ("Constructor"), `static version = 2`, and the
 * static members of the class it stands for. The services become the context of the middleware.
 *
 * Its constructor throws a TypeError when the options are no object or the services neither undefined nor an object,
 * and InvalidServicesError when a middleware needs a service that is missing.
 */
export function wrapClass<P extends object>(
  Plugin: PluginClass<P>,
  middleware: MiddlewareList<P>,
  context: Context = {}
): PluginClass {
  // eslint-disable-next-line @typescript-eslint/no-extraneous-class -- hosts look for a class; its instances are layers
  class WrappedPlugin {
    static readonly version: number = 2

    constructor(options: object, services?: PluginServices) {
      assertConstructorArguments(options, services)
      const list = typeof middleware === 'function' ? middleware(options, services) : middleware
      const given: Context = {
        ...(services?.store !== undefined && { store: services.store }),
        ...(services?.log !== undefined && { log: services.log }),
        ...context
      }
      const plugin = new Plugin(options, services)
      // what stands first takes what the class makes; TypeScript cannot see it through the union of lists
      return wrap(plugin as PluginV2, list as readonly Middleware[], given)
    }
  }
  Object.setPrototypeOf(WrappedPlugin, Plugin)
  return WrappedPlugin as unknown as PluginClass
}

/** Throws a TypeError unless these are what the constructor of a plugin takes (RFC 0024, "Constructor"). */
export function assertConstructorArguments(options: unknown, services: unknown): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('Expected the options of a plugin to be an object')
  }
  if (services !== undefined && (typeof services !== 'object' || services === null)) {
    throw new TypeError('Expected the services of a plugin to be an object or undefined')
  }
}
