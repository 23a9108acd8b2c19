import { EventEmitter } from 'node:events'
import type { MonoTypeOperatorFunction } from 'rxjs'
import type { EventName, Listener } from './contract.js'
import { Pipeline } from './lifecycle.js'
import type { Consumer } from './lifecycle.js'
import type { Link } from './link.js'
import type { LifecycleEvent } from './middleware.js'

type AnyListener = (...args: unknown[]) => unknown
type How = 'on' | 'prependListener'
type Relay = (...args: unknown[]) => void

const LIFECYCLE: readonly LifecycleEvent['type'][] = ['connect', 'disconnect', 'error']

/**
 * The events of one layer: the host's listeners, and what is attached beneath for them. A layer listens to an event
 * only while its host does; one that has a `lifecycle` listens to connect, disconnect and error always.
 */
export class LayerEvents implements Consumer {
  readonly pipeline: Pipeline | undefined
  readonly #link: Link
  readonly #self: object
  /** The host's listeners; made for the first. */
  #emitter: EventEmitter | undefined
  /** Observers of connect and disconnect that are no listeners of the host's. */
  #watchers: Set<(connected: boolean) => void> | undefined
  #names: readonly EventName[] = NONE
  /** For each of the names, the listener. */
  #relays: readonly Relay[] = NONE

  constructor(link: Link, self: object, operator?: MonoTypeOperatorFunction<LifecycleEvent>) {
    this.#link = link
    this.#self = self
    if (operator === undefined) return
    const pipeline = new Pipeline(operator, this)
    this.pipeline = pipeline
    const lower = pipelineAt(link.below)
    if (lower !== undefined) lower.add(pipeline)
    else {
      const relays: Relay[] = [
        (...args) => {
          this.#enter({ type: 'connect', args })
        },
        (...args) => {
          this.#enter({ type: 'disconnect', args })
        },
        (...args) => {
          this.#enter({ type: 'error', args })
        }
      ]
      this.#names = LIFECYCLE
      this.#relays = relays
      for (const [index, type] of LIFECYCLE.entries()) link.raw.on(type, relays[index] as Relay)
    }
  }

  /** Tells of an operator that is gone. */
  report(what: string, error: unknown): void {
    const { services, definition } = this.#link
    services
      .logFor('core')
      .error('the lifecycle operator of %s %s, it is left out now: %O', definition?.name, what, error)
  }

  // ------------------------------------------------------------------------------------------------ the host's listeners

  get emitter(): EventEmitter {
    return (this.#emitter ??= new EventEmitter())
  }

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
    const watchers = (this.#watchers ??= new Set())
    watchers.add(watch)
    this.#listen('connect')
    this.#listen('disconnect')
    return () => {
      watchers.delete(watch)
      this.#release('connect')
      this.#release('disconnect')
    }
  }

  // ------------------------------------------------------------------------------------------ what is attached beneath

  /** A plugin that calls `removeAllListeners` on itself must not leave the stack deaf. */
  reattach(): void {
    const { raw } = this.#link
    for (const [index, name] of this.#names.entries()) {
      const relay = this.#relays[index] as Relay
      if (listenersOf(raw, name)?.includes(relay) === false) raw.on(name as string, relay)
    }
  }

  dispose(): void {
    for (const name of this.#names) this.#unhang(name)
    const { pipeline } = this
    if (pipeline !== undefined) pipelineAt(this.#link.below)?.delete(pipeline)
    this.#source('connect')?.delete(this)
    pipeline?.dispose()
  }

  /** The pipeline that an event comes out of; undefined: it is the inner plugin's own. */
  #source(name: EventName): Pipeline | undefined {
    return isLifecycle(name) ? (this.pipeline ?? pipelineAt(this.#link.below)) : undefined
  }

  #wants(name: EventName): boolean {
    if (this.emitter.listenerCount(name) > 0) return true
    return this.#watchers !== undefined && this.#watchers.size > 0 && (name === 'connect' || name === 'disconnect')
  }

  #listen(name: EventName): void {
    // these two an emitter makes for itself
    if (name === 'newListener' || name === 'removeListener') return
    const source = this.#source(name)
    if (source !== undefined) source.add(this)
    else if (!this.#names.includes(name)) {
      this.#hang(name, (...args) => void this.#deliver(name, args))
    }
    for (const link of this.#link.stack()) link.events?.reattach()
  }

  #release(name: EventName): void {
    if (this.#wants(name)) return
    const source = this.#source(name)
    if (source === undefined) this.#unhang(name)
    else if (!LIFECYCLE.some((type) => this.#wants(type))) source.delete(this)
  }

  #hang(name: EventName, relay: Relay): void {
    this.#names = [...this.#names, name]
    this.#relays = [...this.#relays, relay]
    this.#link.raw.on(name as string, relay)
  }

  #unhang(name: EventName): void {
    const relay = this.#relayOf(name)
    if (relay === undefined) return
    this.#names = this.#names.filter((each) => each !== name)
    this.#relays = this.#relays.filter((each) => each !== relay)
    this.#link.raw.removeListener(name as string, relay)
  }

  #relayOf(name: EventName): Relay | undefined {
    return this.#relays[this.#names.indexOf(name)]
  }

  // ------------------------------------------------------------------------------------------------- an event's way up

  /** Takes what comes out of the pipeline at or below this layer to its host's listeners. */
  take(event: LifecycleEvent): LifecycleEvent | undefined {
    const heard = this.#deliver(event.type, event.args)
    return event.type === 'error' && !heard ? event : undefined
  }

  /** Whether anybody heard it. A listener that throws ends the round, as in any emitter. */
  #deliver(name: EventName, args: readonly unknown[]): boolean {
    if (this.#watchers !== undefined && (name === 'connect' || name === 'disconnect')) {
      for (const watch of [...this.#watchers]) watch(name === 'connect')
    }
    const listeners = this.emitter.rawListeners(name)
    for (const listener of listeners) Reflect.apply(listener, this.#self, args)
    return listeners.length > 0
  }

  /** An `error` that nobody listens to, above or on the inner plugin, is thrown as an emitter throws it. */
  #enter(event: LifecycleEvent): void {
    const unheard = this.pipeline?.take(event)
    if (unheard === undefined) return
    const own = this.#relayOf('error')
    const others = listenersOf(this.#link.raw, 'error')?.filter((listener) => listener !== own) ?? []
    if (others.length === 0) new EventEmitter().emit('error', ...unheard.args)
  }
}

const NONE: readonly never[] = Object.freeze([])

/** The pipeline nearest to the host, at or below a link. */
function pipelineAt(link: Link | undefined): Pipeline | undefined {
  for (let each = link; each !== undefined; each = each.below) {
    if (each.events?.pipeline !== undefined) return each.events.pipeline
  }
  return undefined
}

function listenersOf(raw: object, name: EventName): unknown[] | undefined {
  const emitter = raw as { listeners?: (name: EventName) => unknown[] }
  return typeof emitter.listeners === 'function' ? emitter.listeners(name) : undefined
}

function isLifecycle(name: EventName): name is LifecycleEvent['type'] {
  return name === 'connect' || name === 'disconnect' || name === 'error'
}
