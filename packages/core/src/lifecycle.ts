import { Subject } from 'rxjs'
import type { MonoTypeOperatorFunction, Subscription } from 'rxjs'
import type { LifecycleEvent } from './middleware.js'

/** Takes an event; gives it back when it is an `error` that nobody listens to. */
export type Consumer = (event: LifecycleEvent) => LifecycleEvent | undefined

/**
 * One layer's place in the pipeline of connect, disconnect and error.
 *
 * RxJS catches what a subscriber throws and reports it later; a listener of a plugin throws out of the plugin's `emit`.
 * So the subscriber here only puts events into a frame, and they are delivered after `next` has returned, still on the
 * stack of that `emit`. An event that the operator releases later is delivered at once.
 */
export class Pipeline {
  readonly consumers: Set<Consumer> = new Set()
  readonly #input = new Subject<LifecycleEvent>()
  readonly #report: (what: string, error: unknown) => void
  #subscription: Subscription | undefined
  #frame: LifecycleEvent[] | undefined
  #entered: LifecycleEvent | undefined
  #left: LifecycleEvent | undefined

  constructor(operator: MonoTypeOperatorFunction<LifecycleEvent>, report: (what: string, error: unknown) => void) {
    this.#report = report
    try {
      this.#subscription = this.#input.pipe(operator).subscribe({
        next: (event) => {
          if (this.#frame === undefined) this.#release(event)
          else this.#frame.push(event)
        },
        error: (error: unknown) => {
          this.#replace('failed', error)
        },
        complete: () => {
          this.#replace('completed', undefined)
        }
      })
    } catch (error) {
      this.#replace('failed', error)
    }
  }

  /** Whether a `disconnect` is being held back: the host has not been told of it. */
  get holding(): boolean {
    return this.#entered?.type === 'disconnect' && this.#left?.type !== 'disconnect'
  }

  enter(event: LifecycleEvent): LifecycleEvent | undefined {
    if (event.type !== 'error') this.#entered = event
    const outer = this.#frame
    const frame: LifecycleEvent[] = []
    this.#frame = frame
    if (this.#subscription !== undefined) this.#input.next(event)
    this.#frame = outer
    // the operator is gone, perhaps over this very event: identity takes its place
    if (this.#subscription === undefined && !frame.includes(event)) frame.push(event)
    return this.#deliverAll(frame)
  }

  dispose(): void {
    this.#subscription?.unsubscribe()
    this.#subscription = undefined
    this.consumers.clear()
  }

  /** Delivers all, and only then throws what the first throwing listener threw. */
  #deliverAll(frame: readonly LifecycleEvent[]): LifecycleEvent | undefined {
    let unheard: LifecycleEvent | undefined
    const thrown: unknown[] = []
    for (const event of frame) {
      try {
        unheard = this.#deliver(event) ?? unheard
      } catch (error) {
        thrown.push(error)
      }
    }
    if (thrown.length > 0) throw thrown[0]
    return unheard
  }

  #deliver(event: LifecycleEvent): LifecycleEvent | undefined {
    if (event.type !== 'error') this.#left = event
    let heard = event.type !== 'error'
    const thrown: unknown[] = []
    for (const consumer of [...this.consumers]) {
      try {
        if (consumer(event) === undefined) heard = true
      } catch (error) {
        heard = true
        thrown.push(error)
      }
    }
    if (thrown.length > 0) throw thrown[0]
    return heard ? undefined : event
  }

  /** Outside of any `emit`: what is thrown here, RxJS reports as uncaught, as a timer's throw would be. */
  #release(event: LifecycleEvent): void {
    const unheard = this.#deliver(event)
    if (unheard !== undefined) throw unheard.args[0]
  }

  #replace(what: string, error: unknown): void {
    this.#subscription?.unsubscribe()
    this.#subscription = undefined
    this.#report(what, error)
    // what the operator still held back would be lost for ever
    const held = this.#entered
    if (this.#frame === undefined && held !== undefined && held.type !== this.#left?.type) this.#release(held)
  }
}
