import { Observable } from 'rxjs'
import type { MonoTypeOperatorFunction, Observer, Subscriber, Subscription } from 'rxjs'
import type { LifecycleEvent } from './middleware.js'

/** Takes an event; gives it back when it is an `error` that nobody listens to. */
export interface Consumer {
  take(event: LifecycleEvent): LifecycleEvent | undefined
}

/** What goes through the operator within one `emit` of the plugin. */
interface Frame {
  /** The operator gets them one after the other. */
  readonly entering: LifecycleEvent[]
  /** They are delivered once it has had all. */
  readonly leaving: LifecycleEvent[]
}

/** Is told when the operator has failed or completed. */
interface Reporter {
  report(what: string, error: unknown): void
}

/**
 * One layer's place in the pipeline of connect, disconnect and error.
 *
 * RxJS catches what a subscriber throws and reports it later; a listener of a plugin throws out of the plugin's `emit`.
 * So the subscriber here only puts events into a frame, and they are delivered after `next` has returned, still on the
 * stack of that `emit`. An event that the plugin emits while the operator is at work waits until that is done, or it
 * would be told before the one that led to it. An event that the operator releases later is delivered at once.
 *
 * There is one for each plugin that is retried, so it is kept small: it is its own observer, no Subject, and the
 * operator is subscribed to with the first event.
 */
export class Pipeline implements Consumer, Observer<LifecycleEvent> {
  readonly #reporter: Reporter
  /** Until the first event. */
  #operator: MonoTypeOperatorFunction<LifecycleEvent> | undefined
  #consumers: readonly Consumer[] = NONE
  #inputs: readonly Subscriber<LifecycleEvent>[] = NONE
  #subscription: Subscription | undefined
  #frame: Frame | undefined
  #entered: LifecycleEvent | undefined
  #left: LifecycleEvent | undefined

  constructor(operator: MonoTypeOperatorFunction<LifecycleEvent>, reporter: Reporter) {
    this.#operator = operator
    this.#reporter = reporter
  }

  #start(operator: MonoTypeOperatorFunction<LifecycleEvent>): void {
    this.#operator = undefined
    const source = new Observable<LifecycleEvent>((subscriber) => {
      this.#inputs = [...this.#inputs, subscriber]
      return () => {
        this.#inputs = this.#inputs.filter((input) => input !== subscriber)
      }
    })
    try {
      const subscription = operator(source).subscribe(this)
      this.#subscription = subscription.closed ? undefined : subscription
    } catch (error) {
      this.error(error)
    }
  }

  /** Whether a `disconnect` is being held back: the host has not been told of it. */
  get holding(): boolean {
    return this.#entered?.type === 'disconnect' && this.#left?.type !== 'disconnect'
  }

  add(consumer: Consumer): void {
    if (!this.#consumers.includes(consumer)) this.#consumers = [...this.#consumers, consumer]
  }

  delete(consumer: Consumer): void {
    this.#consumers = this.#consumers.filter((each) => each !== consumer)
  }

  /** Takes an event into the pipeline, and delivers what comes out of it meanwhile. */
  take(event: LifecycleEvent): LifecycleEvent | undefined {
    if (this.#frame !== undefined) {
      this.#frame.entering.push(event)
      return undefined
    }
    if (this.#operator !== undefined) this.#start(this.#operator)
    const frame: Frame = { entering: [event], leaving: [] }
    this.#frame = frame
    try {
      // those that it has the plugin emit come to the end of the list
      for (const each of frame.entering) this.#enter(each, frame)
    } finally {
      this.#frame = undefined
    }
    return this.#deliverAll(frame.leaving)
  }

  #enter(event: LifecycleEvent, { leaving }: Frame): void {
    if (event.type !== 'error') this.#entered = event
    for (const input of this.#inputs) input.next(event)
    // the operator is gone, perhaps over this very event: identity takes its place
    if (this.#subscription === undefined && !leaving.includes(event)) leaving.push(event)
  }

  dispose(): void {
    this.#operator = undefined
    this.#subscription?.unsubscribe()
    this.#subscription = undefined
    this.#consumers = NONE
  }

  // ------------------------------------------------------------------------------------------ as the operator's observer

  next(event: LifecycleEvent): void {
    if (this.#frame === undefined) this.#release(event)
    else this.#frame.leaving.push(event)
  }

  error(error: unknown): void {
    this.#replace('failed', error)
  }

  complete(): void {
    this.#replace('completed', undefined)
  }

  #replace(what: string, error: unknown): void {
    this.#subscription?.unsubscribe()
    this.#subscription = undefined
    this.#reporter.report(what, error)
    this.#giveUpHeld()
  }

  /** What an operator that is gone still held back would be lost for ever. */
  #giveUpHeld(): void {
    const held = this.#entered
    const leaving = this.#frame?.leaving ?? NONE
    const told = leaving.findLast(({ type }) => type !== 'error') ?? this.#left
    if (held !== undefined && held.type !== told?.type) this.next(held)
  }

  // ------------------------------------------------------------------------------------------------------------ delivery

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
    for (const consumer of this.#consumers) {
      try {
        if (consumer.take(event) === undefined) heard = true
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
}

const NONE: readonly never[] = Object.freeze([])
