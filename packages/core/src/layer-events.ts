import { EventEmitter } from 'node:events'
import type { EventName, Listener } from './contract.js'
import { Pipeline } from './lifecycle.js'
import type { Consumer } from './lifecycle.js'
import type { Link } from './link.js'
import type { LifecycleEvent } from './middleware.js'

type AnyListener = (...args: unknown[]) => unknown
type How = 'on' | 'prependListener'

const LIFECYCLE = ['connect', 'disconnect', 'error'] as const

/**
 * The events of one layer: the host's listeners, and what is attached beneath for them. A layer listens to an event
 * only while its host does; one that has a `lifecycle` listens to connect, disconnect and error always.
 */
export class LayerEvents {
  readonly emitter: EventEmitter = new EventEmitter()
  readonly pipeline: Pipeline | undefined
  readonly #link: Link
  readonly #self: object
  /** Observers of connect and disconnect that are no listeners of the host's. */
  readonly #watchers = new Set<(connected: boolean) => void>()
  /** What hangs on the inner plugin's own emitter. */
  readonly #attached = new Map<EventName, (...args: unknown[]) => void>()

  constructor(link: Link, self: object) {
    this.#link = link
    this.#self = self
    const operator = link.hooks?.lifecycle
    if (operator === undefined) return
    this.pipeline = new Pipeline(operator, (what, error) => {
      const { services, definition } = link
      services
        .logFor('core')
        .error('the lifecycle operator of %s %s, it is left out now: %O', definition?.name, what, error)
    })
    const lower = link.below?.lifecycle?.events?.pipeline
    if (lower !== undefined) lower.consumers.add(this.#enter)
    else for (const type of LIFECYCLE) this.#hang(type, (...args) => this.#enterFromWire({ type, args }))
  }

  // ------------------------------------------------------------------------------------------------ the host's listeners

  add(how: How, name: EventName, listener: Listener): void {
    this.emitter[how](name, listener as AnyListener)
    this.#listen(name)
  }

  /** Node's own `once` would call the listener with the emitter as `this`. */
  addOnce(how: How, name: EventName, listener: Listener): void {
    let fired = false
    const wrapper = (...args: unknown[]): unknown => {
      if (fired) return undefined
      fired = true
      this.remove(name, wrapper)
      return Reflect.apply(listener as AnyListener, this.#self, args)
    }
    // the property by which node's emitter tells such a wrapper: `removeListener` and `listeners` know the original
    this.emitter[how](name, typeof listener === 'function' ? Object.assign(wrapper, { listener }) : listener)
    this.#listen(name)
  }

  remove(name: EventName, listener: Listener): void {
    this.emitter.removeListener(name, listener as AnyListener)
    this.#release(name)
  }

  removeAll(name: EventName | undefined): void {
    for (const each of name === undefined ? this.emitter.eventNames() : [name]) {
      this.emitter.removeAllListeners(each)
      this.#release(each)
    }
  }

  /** Calls `watch` on each connect and disconnect that the host would see. Returns what ends it. */
  watch(watch: (connected: boolean) => void): () => void {
    this.#watchers.add(watch)
    this.#listen('connect')
    this.#listen('disconnect')
    return () => {
      this.#watchers.delete(watch)
      this.#release('connect')
      this.#release('disconnect')
    }
  }

  // ------------------------------------------------------------------------------------------ what is attached beneath

  /** A plugin that calls `removeAllListeners` on itself must not leave the stack deaf. */
  reattach(): void {
    for (const [name, relay] of this.#attached) {
      if (listenersOf(this.#link.raw, name)?.includes(relay) === false) this.#link.raw.on(name as string, relay)
    }
  }

  dispose(): void {
    for (const name of [...this.#attached.keys()]) this.#unhang(name)
    this.#link.below?.lifecycle?.events?.pipeline?.consumers.delete(this.#enter)
    this.#source('connect')?.consumers.delete(this.#consume)
    this.pipeline?.dispose()
  }

  /** The pipeline that an event comes out of; undefined: it is the inner plugin's own. */
  #source(name: EventName): Pipeline | undefined {
    return isLifecycle(name) ? this.#link.lifecycle?.events?.pipeline : undefined
  }

  #wants(name: EventName): boolean {
    if (this.emitter.listenerCount(name) > 0) return true
    return this.#watchers.size > 0 && (name === 'connect' || name === 'disconnect')
  }

  #listen(name: EventName): void {
    // these two an emitter makes for itself
    if (name === 'newListener' || name === 'removeListener') return
    const source = this.#source(name)
    if (source !== undefined) source.consumers.add(this.#consume)
    else if (!this.#attached.has(name)) this.#hang(name, (...args) => void this.#deliver(name, args))
    for (const link of this.#link.stack()) link.events?.reattach()
  }

  #release(name: EventName): void {
    if (this.#wants(name)) return
    const source = this.#source(name)
    if (source === undefined) this.#unhang(name)
    else if (!LIFECYCLE.some((type) => this.#wants(type))) source.consumers.delete(this.#consume)
  }

  #hang(name: EventName, relay: (...args: unknown[]) => void): void {
    this.#attached.set(name, relay)
    this.#link.raw.on(name as string, relay)
  }

  #unhang(name: EventName): void {
    const relay = this.#attached.get(name)
    if (relay === undefined) return
    this.#attached.delete(name)
    this.#link.raw.removeListener(name as string, relay)
  }

  // ------------------------------------------------------------------------------------------------- an event's way up

  /** Whether anybody heard it. A listener that throws ends the round, as in any emitter. */
  #deliver(name: EventName, args: readonly unknown[]): boolean {
    if (name === 'connect' || name === 'disconnect') for (const watch of [...this.#watchers]) watch(name === 'connect')
    const listeners = this.emitter.rawListeners(name)
    for (const listener of listeners) Reflect.apply(listener, this.#self, args)
    return listeners.length > 0
  }

  /** Takes what comes out of the pipeline at or below this layer to its host's listeners. */
  readonly #consume: Consumer = (event) => {
    const heard = this.#deliver(event.type, event.args)
    return event.type === 'error' && !heard ? event : undefined
  }

  /** Takes what comes out of the pipeline below into this layer's own. */
  readonly #enter: Consumer = (event) => this.pipeline?.enter(event)

  /** An `error` that nobody listens to, above or on the inner plugin, is thrown as an emitter throws it. */
  #enterFromWire(event: LifecycleEvent): void {
    const unheard = this.#enter(event)
    if (unheard === undefined) return
    const own = this.#attached.get('error')
    const others = listenersOf(this.#link.raw, 'error')?.filter((listener) => listener !== own) ?? []
    if (others.length === 0) new EventEmitter().emit('error', ...unheard.args)
  }
}

function listenersOf(raw: object, name: EventName): unknown[] | undefined {
  const emitter = raw as { listeners?: (name: EventName) => unknown[] }
  return typeof emitter.listeners === 'function' ? emitter.listeners(name) : undefined
}

function isLifecycle(name: EventName): name is LifecycleEvent['type'] {
  return name === 'connect' || name === 'disconnect' || name === 'error'
}
