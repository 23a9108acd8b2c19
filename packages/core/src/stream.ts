import { Observable, Subject, Subscriber } from 'rxjs'
import type { Observer, Operator, Subscription, TeardownLogic } from 'rxjs'

/** Is told what observers do wrong. */
export interface Reporter {
  report(error: unknown): void
}

/**
 * An Observable whose observers cannot do harm: what they throw, and an error that they do not handle, is reported
 * instead of becoming an uncaught exception. Whatever is piped from it is of the same kind.
 */
export class SafeObservable<T> extends Observable<T> {
  readonly #reporter: Reporter

  constructor(reporter: Reporter, subscribe?: (subscriber: Subscriber<T>) => TeardownLogic) {
    super(subscribe)
    this.#reporter = reporter
  }

  /** What RxJS calls to chain an operator. */
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- for callers; for a subclass it is the one way to stay one
  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = new SafeObservable<R>(this.#reporter)
    // `source` and `operator` are how an Observable knows what it is made of; RxJS sets them in just this way
    Object.assign(lifted, { source: this, operator })
    return lifted
  }

  override subscribe(observer?: Partial<Observer<T>> | ((value: T) => void)): Subscription
  override subscribe(
    next?: ((value: T) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null
  ): Subscription
  override subscribe(
    observer?: Partial<Observer<T>> | ((value: T) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null
  ): Subscription {
    // operators subscribe with a Subscriber of their own; only the outermost observer is foreign code
    if (observer instanceof Subscriber) return this.listen(observer)
    const target: Partial<Observer<T>> =
      typeof observer === 'function' || observer === undefined || observer === null
        ? { ...(observer && { next: observer }), ...(error && { error }), ...(complete && { complete }) }
        : observer
    const reporter = this.#reporter
    const guarded = (run: () => void): void => {
      try {
        run()
      } catch (thrown) {
        reporter.report(thrown)
      }
    }
    return this.listen({
      next: (value) => {
        guarded(() => target.next?.(value))
      },
      error: (failure: unknown) => {
        if (target.error === undefined) reporter.report(failure)
        else guarded(() => target.error?.(failure))
      },
      complete: () => {
        guarded(() => target.complete?.())
      }
    })
  }

  /** Subscribes an observer that does no harm. */
  protected listen(observer: Observer<T>): Subscription {
    return super.subscribe(observer)
  }
}

/** A hot stream that costs nothing while nobody is subscribed, and little memory: each stack has one. */
export class EventStream<T> extends SafeObservable<T> {
  #subject: Subject<T> | undefined

  /** Whether anybody listens: ask before building an event. */
  get observed(): boolean {
    return this.#subject?.observed === true
  }

  emit(value: T): void {
    this.#subject?.next(value)
  }

  protected override listen(observer: Observer<T>): Subscription {
    return (this.#subject ??= new Subject<T>()).subscribe(observer)
  }
}
