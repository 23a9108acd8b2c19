import type { ConnectOptions, LifecycleEvent, Setup } from '@ilp-wrap/core'
import { MAX_TIMEOUT_MS, UnreachableError, isFinalError } from '@ilp-wrap/core'
import {
  EMPTY,
  Observable,
  Subject,
  defer,
  filter,
  finalize,
  firstValueFrom,
  map,
  merge,
  of,
  retry as retryWhile,
  share,
  switchMap,
  take,
  throwError
} from 'rxjs'
import type { MonoTypeOperatorFunction, Subscriber, Subscription } from 'rxjs'
import { backoffMs } from './backoff.js'
import { nameOf } from './errors.js'
import type { Rules } from './options.js'
import { sleep } from './sleep.js'

/**
 * - `unknown`: neither connected nor lost as far as is known; the host may be about to connect;
 * - `up`: connected;
 * - `lost`: it was connected, and the host did not end it;
 * - `closed`: the host disconnected;
 * - `failed`: the plugin emitted `error` and must not be used again (RFC 0024, "Event: `error`");
 * - `disposed`: unwrapped, so the plugin is nobody's affair here.
 */
type State = 'unknown' | 'up' | 'lost' | 'closed' | 'failed' | 'disposed'

type Signal = 'connected' | 'stopped'
type Connect = (options: ConnectOptions | undefined) => Promise<void>

/** What several calls of `connect` at the same time wait for together. */
interface Connecting {
  readonly attempts: Observable<undefined>
  /** The plugin was told to connect, and has neither done so nor failed. */
  asking: boolean
  /** What the plugin's last refusal was, in an array of its own since it may be `undefined`. */
  lastError: readonly [unknown] | undefined
}

/**
 * Keeps one plugin connected: tries again, within a limit, where `connect` fails; connects again after a loss; keeps a
 * short loss from the host; tells waiting packets when the plugin is there, or when waiting is over.
 */
export class Connection {
  readonly #setup: Setup
  readonly #rules: Rules
  #state: State
  #host: Subscriber<LifecycleEvent> | undefined
  #held: { readonly event: LifecycleEvent; readonly since: number; readonly timer: Subscription } | undefined
  #connecting: Connecting | undefined
  #reconnecting: Subscription | undefined
  #signals: Subject<Signal> | undefined

  constructor(setup: Setup, rules: Rules) {
    this.#setup = setup
    this.#rules = rules
    this.#state = setup.plugin.isConnected() ? 'up' : 'unknown'
  }

  /** Whether a packet should wait: the plugin is not connected, and may come to be. */
  get away(): boolean {
    if (this.#setup.plugin.isConnected()) return false
    return !this.#over
  }

  /** Resolves to how a wait for the connection ended. It ends on `limitMs`, too. */
  arrival(limitMs: number): Observable<Signal | 'late'> {
    const late = sleep(this.#setup.clock, limitMs).pipe(map(() => 'late' as const))
    return merge(this.#signal, late).pipe(take(1))
  }

  /** Fails with `error` once there is nothing more to wait for: `disconnect()`, the event `error`, or unwrapping. */
  stopped(error: () => unknown): Observable<never> {
    return this.#signal.pipe(
      filter((signal) => signal === 'stopped'),
      map(() => {
        throw error()
      })
    )
  }

  get over(): boolean {
    return this.#over
  }

  // ------------------------------------------------------------------------------------------- what the host asks for

  connect(options: ConnectOptions | undefined, next: Connect): Promise<void> {
    if (this.#state === 'disposed') return next(options)
    if (this.#over) this.#state = 'unknown'
    if (this.#setup.plugin.isConnected()) return this.#connectConnected(options, next)
    const connecting = (this.#connecting ??= this.#connectUntilDone(options, next))
    // RFC 0024, "connect": a timeout that is falsy means the default
    const limitMs =
      options?.timeout === undefined || options.timeout === 0 ? this.#rules.connectTimeoutMs : options.timeout
    return firstValueFrom(
      merge(
        // first, since the plugin may emit `error` within its `connect`
        this.stopped(() => new UnreachableError('Disconnected while connecting', { code: 'ILP_WRAP_DISCONNECTED' })),
        this.#timeLimit(limitMs, connecting),
        connecting.attempts
      )
    )
  }

  disconnect(): void {
    this.#state = 'closed'
    this.#stop()
    this.#releaseHeld()
  }

  dispose(): void {
    this.#state = 'disposed'
    this.#stop()
    this.#held?.timer.unsubscribe()
  }

  /** The layer's place in the pipeline of events. */
  lifecycle(): MonoTypeOperatorFunction<LifecycleEvent> {
    return (source) =>
      new Observable((host) => {
        this.#host = host
        return source.subscribe(this)
      })
  }

  // ---------------------------------------------------------------------------------------------------------- events

  /** As an observer of the plugin's events: it costs each plugin less memory than an operator made of operators. */
  next(event: LifecycleEvent): void {
    if (this.#passes(event)) this.#host?.next(event)
  }

  /** Whether the host is told of it now. What was held back until now goes before it. */
  #passes({ type, args }: LifecycleEvent): boolean {
    if (type === 'connect') return this.#connected()
    if (type === 'disconnect') return this.#disconnected(args)
    this.#state = 'failed'
    this.#stop()
    this.#releaseHeld()
    return true
  }

  #connected(): boolean {
    // by itself, or too late: the host wants it disconnected all the same
    if (this.#state === 'closed') return true
    return !this.#arrived()
  }

  /** The plugin is there, whether or not it has said so. Returns whether the host need not hear of it. */
  #arrived(): boolean {
    this.#state = 'up'
    this.#endReconnecting()
    const spared = this.#spareHost()
    this.#signals?.next('connected')
    return spared
  }

  #disconnected(args: readonly unknown[]): boolean {
    // one is being held back already: the host needs to know it once
    if (this.#held !== undefined) return false
    if (this.#state !== 'up') return true
    this.#state = 'lost'
    this.#reconnect()
    if (this.#rules.holdDisconnectMs === 0) return true
    this.#hold({ type: 'disconnect', args })
    return false
  }

  #hold(event: LifecycleEvent): void {
    const { clock } = this.#setup
    const maxMs = this.#rules.holdDisconnectMs
    const timer = sleep(clock, maxMs).subscribe(() => {
      this.#releaseHeld()
    })
    this.#held = { event, since: clock.monotonic(), timer }
    if (this.#setup.events.observed) this.#setup.emit({ type: 'disconnect-held', maxMs })
  }

  #releaseHeld(): void {
    if (this.#held === undefined) return
    const { event, timer } = this.#held
    this.#held = undefined
    timer.unsubscribe()
    this.#host?.next(event)
  }

  /** The host was not told of the loss, and is not told of the end of it. */
  #spareHost(): boolean {
    if (this.#held === undefined) return false
    const { since, timer } = this.#held
    this.#held = undefined
    timer.unsubscribe()
    const { clock, events, emit } = this.#setup
    if (events.observed) emit({ type: 'disconnect-spared', afterMs: clock.monotonic() - since })
    return true
  }

  #stop(): void {
    this.#endReconnecting()
    this.#signals?.next('stopped')
  }

  get #signal(): Subject<Signal> {
    return (this.#signals ??= new Subject())
  }

  get #over(): boolean {
    return this.#state === 'closed' || this.#state === 'failed' || this.#state === 'disposed'
  }

  // ------------------------------------------------------------------------------------------------------- connecting

  /** What that means is the plugin's affair; that it is connected is known from then on. */
  async #connectConnected(options: ConnectOptions | undefined, next: Connect): Promise<void> {
    await next(options)
    if (!this.#over && this.#setup.plugin.isConnected()) this.#arrived()
  }

  #connectUntilDone(options: ConnectOptions | undefined, next: Connect): Connecting {
    this.#endReconnecting()
    const { plugin } = this.#setup
    const attempt = defer(() => {
      connecting.asking = true
      return this.#ask(() => next(options))
    })
    const attempts = attempt.pipe(
      switchMap(() => {
        connecting.asking = false
        if (plugin.isConnected()) return of('connected' as const)
        // it was there already, and is gone again
        if (this.#state === 'lost') this.#reconnect()
        // there are plugins whose `connect` resolves at once if it was called before, connected or not
        return this.#signal
      }),
      filter((signal) => signal === 'connected'),
      take(1),
      map(() => {
        // unless it has said so itself
        if (this.#state !== 'up') this.#arrived()
        return undefined
      }),
      retryWhile({
        delay: (error: unknown, attempt) => {
          if (isFinalError(error)) return throwError(() => error)
          connecting.lastError = [error]
          return this.#pause(error, attempt)
        }
      }),
      finalize(() => {
        this.#connecting = undefined
        if (this.#state === 'lost') this.#reconnect()
      }),
      share()
    )
    const connecting: Connecting = { attempts, asking: false, lastError: undefined }
    return connecting
  }

  #timeLimit(ms: number, connecting: Connecting): Observable<never> {
    if (ms > MAX_TIMEOUT_MS) return EMPTY
    return sleep(this.#setup.clock, Math.max(0, ms)).pipe(
      map(() => {
        const { lastError } = connecting

        if (lastError !== undefined) throw lastError[0]
        throw new UnreachableError(`Not connected within ${ms} ms`, { code: 'ILP_WRAP_CONNECT_TIMEOUT' })
      })
    )
  }

  /** A plugin may connect though the host's `disconnect()` has come meanwhile: then it is told once more. */
  async #ask(connect: () => Promise<void>): Promise<void> {
    try {
      await connect()
    } finally {
      const { plugin } = this.#setup
      if (this.#state === 'closed' && plugin.isConnected()) await plugin.disconnect()
    }
  }

  /** Gives the plugin time to come back by itself, then makes it, until it is there or says that it never will be. */
  #reconnect(): void {
    this.#endReconnecting()
    const { reconnectAfterMs, connectTimeoutMs } = this.#rules
    if (reconnectAfterMs === undefined || this.#connecting?.asking === true) return
    const { plugin, clock } = this.#setup
    const attempt = defer(() =>
      plugin.isConnected() ? Promise.resolve() : this.#ask(() => plugin.connect({ timeout: connectTimeoutMs }))
    ).pipe(
      map(() => {
        // one that reconnects by itself, and takes a second `connect` for nothing to do
        if (!plugin.isConnected()) throw new UnreachableError('Still not connected')
      }),
      retryWhile({
        delay: (error: unknown, count) => (isFinalError(error) ? throwError(() => error) : this.#pause(error, count))
      })
    )
    this.#reconnecting = sleep(clock, reconnectAfterMs)
      .pipe(switchMap(() => attempt))
      .subscribe({
        next: () => {
          // it has not said so itself: as long as the host knows of nothing, nothing has happened
          this.#arrived()
        },
        error: (error: unknown) => {
          this.#setup.log.error('connecting again is in vain: %s', nameOf(error))
          this.#setup.emit({ type: 'reconnect-abandoned', error: nameOf(error) })
        }
      })
  }

  #endReconnecting(): void {
    this.#reconnecting?.unsubscribe()
    this.#reconnecting = undefined
  }

  #pause(error: unknown, attempt: number): Observable<undefined> {
    const { clock, events, emit } = this.#setup
    const delayMs = backoffMs(attempt, this.#rules.connectBackoff, this.#rules.random)
    if (events.observed) emit({ type: 'connect-scheduled', attempt, delayMs, error: nameOf(error) })
    return sleep(clock, delayMs)
  }
}
