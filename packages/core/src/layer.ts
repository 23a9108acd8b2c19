import { inspect } from 'node:util'
import type { Clock } from './clock.js'
import type {
  ConnectOptions,
  DataHandler,
  EventName,
  Listener,
  Log,
  MoneyHandler,
  PluginV2,
  Store
} from './contract.js'
import type { PluginEvent, PluginEventInput } from './events.js'
import { LayerEvents } from './layer-events.js'
import * as dispatch from './link.js'
import { Link } from './link.js'
import { membersOf } from './members.js'
import { print } from './options.js'
import type { Inner } from './members.js'
import type { Context, Definition, Hooks, Place, Setup } from './middleware.js'
import { assertPluginV2, versionOf } from './plugins.js'
import type { Services } from './services.js'
import type { EventStream } from './stream.js'

/**
 * One layer over a plugin: a plugin itself. All layers are of this one class, so that a connector with many plugins
 * keeps calling the same few functions. Everything that is no part of a plugin is out of reach for who holds one.
 */
export class Layer implements PluginV2 {
  static readonly version: number = 2
  readonly #link: Link
  #inner: Inner | undefined

  constructor(plugin: PluginV2, context?: Context, definition?: Definition, setup?: (setup: Setup) => Hooks) {
    const below = linkOf(plugin)
    if (below === undefined) assertPluginV2(plugin)
    this.#link = new Link(below?.raw ?? plugin, below, context, definition, (link) =>
      setup?.(new LayerSetup(plugin, link))
    )
    const operator = this.#link.hooks?.lifecycle
    if (operator !== undefined) this.#link.events = new LayerEvents(this.#link, this, operator)
  }

  sendData(data: Buffer): Promise<Buffer> {
    const link = this.#link
    return dispatch.send(link.sender, link.raw, data)
  }

  sendMoney(amount: string): Promise<void> {
    return dispatch.pay(this.#link, this.#link.raw, amount)
  }

  /** Rejects with a TypeError when `options.timeout` is no number (RFC 0024, "connect"). */
  connect(options?: ConnectOptions): Promise<void> {
    const timeout: unknown = (options as ConnectOptions | null | undefined)?.timeout
    if (timeout !== undefined && (typeof timeout !== 'number' || Number.isNaN(timeout))) {
      return Promise.reject(new TypeError(`Expected \`timeout\` to be a number of milliseconds, got ${print(timeout)}`))
    }
    for (const link of this.#link.stack()) link.events?.reattach()
    return dispatch.open(this.#link, this.#link.raw, options)
  }

  disconnect(): Promise<void> {
    return dispatch.close(this.#link, this.#link.raw)
  }

  /** The inner plugin's own answer, but true while a layer holds back a `disconnect` from the host. */
  isConnected(): boolean {
    for (let link: Link | undefined = this.#link; link !== undefined; link = link.below) {
      if (link.events?.pipeline?.holding === true) return true
    }
    return this.#link.raw.isConnected()
  }

  registerDataHandler(handler: DataHandler): void {
    dispatch.registerDataHandler(this.#link, handler)
  }

  deregisterDataHandler(): void {
    dispatch.deregisterDataHandler(this.#link)
  }

  registerMoneyHandler(handler: MoneyHandler): void {
    dispatch.registerMoneyHandler(this.#link, handler)
  }

  deregisterMoneyHandler(): void {
    dispatch.deregisterMoneyHandler(this.#link)
  }

  on(name: EventName, listener: Listener): this {
    this.#events.add('on', name, listener)
    return this
  }

  addListener(name: EventName, listener: Listener): this {
    return this.on(name, listener)
  }

  prependListener(name: EventName, listener: Listener): this {
    this.#events.add('prependListener', name, listener)
    return this
  }

  once(name: EventName, listener: Listener): this {
    this.#events.addOnce('on', name, listener)
    return this
  }

  prependOnceListener(name: EventName, listener: Listener): this {
    this.#events.addOnce('prependListener', name, listener)
    return this
  }

  removeListener(name: EventName, listener: Listener): this {
    this.#events.remove(name, listener)
    return this
  }

  off(name: EventName, listener: Listener): this {
    return this.removeListener(name, listener)
  }

  removeAllListeners(name?: EventName): this {
    this.#events.removeAll(name)
    return this
  }

  /** Emits on the inner plugin, whose events are this one's. */
  emit(name: EventName, ...args: unknown[]): boolean {
    return this.#link.raw.emit(name as string, ...args) === true
  }

  listenerCount(name: EventName): number {
    return this.#events.emitter.listenerCount(name)
  }

  listeners(name: EventName): Listener[] {
    return this.#events.emitter.listeners(name) as Listener[]
  }

  rawListeners(name: EventName): Listener[] {
    return this.#events.emitter.rawListeners(name) as Listener[]
  }

  eventNames(): EventName[] {
    return this.#events.emitter.eventNames()
  }

  setMaxListeners(count: number): this {
    this.#events.emitter.setMaxListeners(count)
    return this
  }

  getMaxListeners(): number {
    return this.#events.emitter.getMaxListeners()
  }

  get #events(): LayerEvents {
    return Layer.eventsOf(this)
  }

  toJSON(): Description {
    return describeLink(this.#link)
  }

  /** The inside of a layer, for core alone. */
  static linkOf(value: unknown): Link | undefined {
    return typeof value === 'object' && value !== null && #link in value ? value.#link : undefined
  }

  static eventsOf(layer: Layer): LayerEvents {
    layer.#link.events ??= new LayerEvents(layer.#link, layer)
    return layer.#link.events
  }

  static innerOf(value: unknown): Inner | undefined {
    if (typeof value !== 'object' || value === null || !(#link in value)) return undefined
    const { raw } = value.#link
    if (value.#inner?.plugin !== raw) value.#inner = { plugin: raw, methods: new WeakMap() }
    return value.#inner
  }
}

// as for any method of a class: not enumerable
Object.defineProperty(Layer.prototype, inspect.custom, {
  value(this: Layer): string {
    const { plugin, middleware } = this.toJSON()
    return `Wrapped<${plugin.name}> [${middleware.map(({ name }) => name).join(', ')}]`
  }
})

// at the end of the prototype chain, for what a layer lacks
Object.setPrototypeOf(
  Layer.prototype,
  membersOf((layer) => Layer.innerOf(layer))
)

/** The inside of a layer; undefined for what is none. */
export function linkOf(value: unknown): Link | undefined {
  return Layer.linkOf(value)
}

/** What a stack is made of, from wire to host. */
export interface Description {
  account: string | undefined
  plugin: { name: string; version: number | undefined }
  middleware: { name: string; place: Place }[]
  /** The breaches of the order, as they were logged. */
  warnings: string[]
}

export function describeLink(top: Link): Description {
  const stack = [...top.stack()].reverse()
  const version = versionOf(top.raw)
  return {
    account: top.services.account,
    plugin: {
      name: (top.raw as { constructor?: { name?: string } }).constructor?.name ?? 'Object',
      version: typeof version === 'number' ? version : undefined
    },
    middleware: stack.flatMap(({ definition }) =>
      definition === undefined ? [] : [{ name: definition.name, place: definition.place }]
    ),
    warnings: stack.flatMap((link) => dispatch.warningsOf(link))
  }
}

/** What setup gets. Getters, so that what is not asked for is not made. */
class LayerSetup implements Setup {
  readonly plugin: PluginV2
  readonly #link: Link

  constructor(plugin: PluginV2, link: Link) {
    this.plugin = plugin
    this.#link = link
  }

  get traits(): ReadonlySet<string> {
    const { raw, below } = this.#link
    return dispatch.traitsOf(raw, below)
  }

  get #services(): Services {
    return this.#link.services
  }

  get #name(): string {
    return (this.#link.definition as Definition).name
  }

  beneath(name: string): object | undefined {
    return dispatch.handleIn(this.#link.below, name)
  }

  get account(): string | undefined {
    return this.#services.account
  }

  get emit(): (event: PluginEventInput) => void {
    const { events, clock } = this.#services
    const source = this.#name
    return (event) => {
      if (events.observed) events.emit({ ...(event as object), source, at: clock.now() } as PluginEvent)
    }
  }

  get events(): EventStream<PluginEvent> {
    return this.#services.events
  }

  get log(): Log {
    return this.#services.logFor(this.#name)
  }

  get store(): Store | undefined {
    return this.#services.store
  }

  get clock(): Clock {
    return this.#services.clock
  }
}
