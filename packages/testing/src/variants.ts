import type { EventEmitter } from 'node:events'
import { UnreachableError } from '@ilp-wrap/core'
import type { ConnectOptions, DataHandler, Listener, MoneyHandler, PluginV2 } from '@ilp-wrap/core'
import emitter2 from 'eventemitter2'

/**
 * Plugins of other kinds than the usual, each over a plugin that does its work: what passes over all of these, passes
 * over the plugins that are out there.
 */

/** Does what the plugin behind it does. It is no emitter. */
class Delegate {
  static readonly version: number = 2
  readonly #inner: PluginV2

  constructor(inner: PluginV2) {
    this.#inner = inner
  }

  connect(options?: ConnectOptions): Promise<void> {
    return this.#inner.connect(options)
  }

  disconnect(): Promise<void> {
    return this.#inner.disconnect()
  }

  isConnected(): boolean {
    return this.#inner.isConnected()
  }

  sendData(data: Buffer): Promise<Buffer> {
    return this.#inner.sendData(data)
  }

  sendMoney(amount: string): Promise<void> {
    return this.#inner.sendMoney(amount)
  }

  registerDataHandler(handler: DataHandler): void {
    this.#inner.registerDataHandler(handler)
  }

  deregisterDataHandler(): void {
    this.#inner.deregisterDataHandler()
  }

  registerMoneyHandler(handler: MoneyHandler): void {
    this.#inner.registerMoneyHandler(handler)
  }

  deregisterMoneyHandler(): void {
    this.#inner.deregisterMoneyHandler()
  }
}

/** Does what the plugin behind it does, its emitter's part included. */
class EmittingDelegate extends Delegate implements PluginV2 {
  readonly #emitter: PluginV2

  constructor(inner: PluginV2) {
    super(inner)
    this.#emitter = inner
  }

  on(event: string, listener: Listener): this {
    this.#emitter.on(event, listener)
    return this
  }

  once(event: string, listener: Listener): this {
    this.#emitter.once(event, listener)
    return this
  }

  removeListener(event: string, listener: Listener): this {
    this.#emitter.removeListener(event, listener)
    return this
  }

  emit(event: string, ...args: unknown[]): unknown {
    return this.#emitter.emit(event, ...args)
  }
}

/** A class of emitters: node's, or an EventEmitter2 of any version. */
export type EmitterClass = new () => object

/** A plugin that is an emitter of that class. */
export function overEmitter(inner: PluginV2, Emitter: EmitterClass): PluginV2 {
  class EmitterPlugin extends (Emitter as typeof EventEmitter) {
    static readonly version: number = 2
  }
  const delegate = new Delegate(inner)
  const plugin = new EmitterPlugin()
  for (const name of Object.getOwnPropertyNames(Delegate.prototype)) {
    if (name === 'constructor') continue
    const method = (delegate as unknown as Record<string, () => unknown>)[name] as () => unknown
    Object.defineProperty(plugin, name, { value: method.bind(delegate), writable: true, configurable: true })
  }
  for (const event of ['connect', 'disconnect', 'error']) {
    inner.on(event, (...args: unknown[]) => plugin.emit(event, ...args))
  }
  return plugin as unknown as PluginV2
}

/** A plugin that is an EventEmitter2, as ilp-plugin-btp is. */
export function emitter2Plugin(inner: PluginV2): PluginV2 {
  return overEmitter(inner, emitter2.EventEmitter2)
}

/** A plugin that nothing can be added to. */
export function frozenPlugin(inner: PluginV2): PluginV2 {
  return Object.freeze(new EmittingDelegate(inner))
}

/** A plugin that is a Proxy. */
export function proxiedPlugin(inner: PluginV2): PluginV2 {
  return new Proxy(new EmittingDelegate(inner), {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    }
  })
}

/** A plugin without a class, and so without a version. */
export function unversionedPlugin(inner: PluginV2): PluginV2 {
  const delegate = new EmittingDelegate(inner)
  return {
    connect: (options) => delegate.connect(options),
    disconnect: () => delegate.disconnect(),
    isConnected: () => delegate.isConnected(),
    sendData: (data) => delegate.sendData(data),
    sendMoney: (amount) => delegate.sendMoney(amount),
    registerDataHandler: (handler) => delegate.registerDataHandler(handler),
    deregisterDataHandler: () => delegate.deregisterDataHandler(),
    registerMoneyHandler: (handler) => delegate.registerMoneyHandler(handler),
    deregisterMoneyHandler: () => delegate.deregisterMoneyHandler(),
    on: (event, listener) => delegate.on(event, listener),
    once: (event, listener) => delegate.once(event, listener),
    removeListener: (event, listener) => delegate.removeListener(event, listener),
    emit: (event, ...args) => delegate.emit(event, ...args)
  }
}

/** A plugin that throws at once where it should reject. */
export function throwingPlugin(inner: PluginV2): PluginV2 {
  class ThrowingPlugin extends EmittingDelegate {
    override sendData(data: Buffer): Promise<Buffer> {
      this.#assertConnected()
      return super.sendData(data)
    }

    override sendMoney(amount: string): Promise<void> {
      this.#assertConnected()
      return super.sendMoney(amount)
    }

    #assertConnected(): void {
      if (!this.isConnected()) throw new UnreachableError('Not connected')
    }
  }
  return new ThrowingPlugin(inner)
}

/** A plugin whose second handler overwrites the first one without a word, as in ilp-plugin-mirror. */
export function overwritingPlugin(inner: PluginV2): PluginV2 {
  class OverwritingPlugin extends EmittingDelegate {
    override registerDataHandler(handler: DataHandler): void {
      this.deregisterDataHandler()
      super.registerDataHandler(handler)
    }

    override registerMoneyHandler(handler: MoneyHandler): void {
      this.deregisterMoneyHandler()
      super.registerMoneyHandler(handler)
    }
  }
  return new OverwritingPlugin(inner)
}

/** What a plugin with #private fields has besides the interface. */
export interface PrivatePlugin extends PluginV2 {
  /** A field that anybody may set. */
  _account: string
  /** Read through a getter, from a #private field. */
  readonly secret: string
  getAdminInfo(): Promise<{ secret: string }>
  sendAdminInfo(info: { secret: string }): Promise<void>
}

/** A plugin that works only with itself as `this`: #private fields, getters, more methods than the interface has. */
export function privatePlugin(inner: PluginV2): PrivatePlugin {
  class Private extends EmittingDelegate implements PrivatePlugin {
    _account = 'example.account'
    #secret = 'secret'

    get secret(): string {
      return this.#secret
    }

    getAdminInfo(): Promise<{ secret: string }> {
      return Promise.resolve({ secret: this.#secret })
    }

    sendAdminInfo(info: { secret: string }): Promise<void> {
      this.#secret = info.secret
      return Promise.resolve()
    }
  }
  return new Private(inner)
}
