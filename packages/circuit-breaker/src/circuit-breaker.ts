import { defineMiddleware } from '@ilp-wrap/core'
import type { Clock, Hooks, Middleware, Setup } from '@ilp-wrap/core'
import {
  isPrepare,
  prepareAmount,
  prepareDestination,
  prepareExpiresAt,
  reject,
  rejectCode,
  rejectTriggeredBy
} from '@ilp-wrap/core/packet'
import { Circuit, REFUSED } from './circuit.js'
import type { CircuitObserver, CloseReason, OpenReason } from './circuit.js'
import { CircuitOpenError } from './errors.js'
import { Exchange } from './exchange.js'
import type { Caller } from './exchange.js'
import { Handle, NAME } from './handle.js'
import { validated } from './options.js'
import type { CircuitBreakerOptions, Config } from './options.js'

export const minimalOptions: CircuitBreakerOptions = {}

/**
 * Sends nothing to a peer that keeps failing: T01 for prepares, a CircuitOpenError for other data. After a while a few
 * packets go as a trial. What fails is what throws, and what no answer comes to in time; rejects only if told so. Money is
 * never refused.
 *
 * @throws InvalidFieldsError when an option is unknown or wrong
 */
export function circuitBreaker(options?: CircuitBreakerOptions): Middleware {
  const config = validated(options)
  return defineMiddleware({ name: NAME, place: { outgoing: 'any' } }, (setup) => new CircuitBreaker(config, setup))
}

type Next = (data: Buffer) => Promise<Buffer>

/** RFC 0027, "T01 - Peer Unreachable": "The connector has a route … but cannot reach the next connector". */
const OPEN = reject({ code: 'T01', message: 'The circuit to the peer is open' })

class CircuitBreaker implements Hooks, Caller, CircuitObserver {
  readonly lifecycle: Hooks['lifecycle']
  readonly #config: Config
  readonly #setup: Setup
  readonly #clock: Clock
  readonly #circuit: Circuit
  #handle: Handle | undefined

  constructor(config: Config, setup: Setup) {
    this.#config = config
    this.#setup = setup
    this.#clock = setup.clock
    this.#circuit = new Circuit(config, this)
    if (!config.openOnDisconnect) return
    this.lifecycle = (source) => {
      // an operator in name only: it looks on
      source.subscribe(({ type }) => {
        if (type === 'connect') this.#circuit.connected()
        else this.#circuit.disconnected(this.#clock.monotonic())
      })
      return source
    }
  }

  get handle(): Handle {
    return (this.#handle ??= new Handle(this.#circuit, this.#setup))
  }

  dispose(): void {
    this.#handle?.close()
  }

  sendData(data: Buffer, next: Next): Promise<Buffer> {
    const now = this.#clock.monotonic()
    const period = this.#circuit.admit(now)
    if (period === REFUSED) return this.#refuse(data, now)
    const expiresAt = prepareExpiresAt(data) ?? Infinity
    const answer = next(data)
    const { onReply, onError } = Exchange.of(this, expiresAt, now, period)
    answer.then(onReply, onError)
    return answer
  }

  // --------------------------------------------------------------------------------------------------- what calls came to

  replied(reply: Buffer, { expiresAt, at, period }: Exchange): void {
    const code = rejectCode(reply)
    if (code === undefined) this.#circuit.succeed(period, at)
    else if (this.#config.rejectCodes.includes(code) || (code === 'R00' && this.#timedOut(expiresAt, at))) {
      this.#circuit.fail(period, this.#clock.monotonic())
    }
    // who has no address may be a middleware of this very stack: that proves nothing of the peer
    else if (rejectTriggeredBy(reply) === '') this.#circuit.ignore(period)
    else this.#circuit.succeed(period, at)
  }

  threw(error: unknown, { period }: Exchange): void {
    if (isOutage(error)) this.#circuit.fail(period, this.#clock.monotonic())
    else this.#circuit.ignore(period)
  }

  /**
   * Whether an R00 is this side's own: it comes when the packet's time is over by our own clock, be it from `expire` or
   * from whoever else waited no longer. The peer's comes before: what it passes on expires earlier, so that its R00 can
   * be back in time. A packet that had expired before it was sent says nothing of the peer.
   */
  #timedOut(expiresAt: number, at: number): boolean {
    const clock = this.#clock
    const due = expiresAt - this.#config.timeoutMarginMs
    const now = clock.now()
    return now >= due && now - (clock.monotonic() - at) < due
  }

  #refuse(data: Buffer, now: number): Promise<Buffer> {
    const { events, emit } = this.#setup
    if (events.observed) {
      const amount = prepareAmount(data)
      const destination = prepareDestination(data)
      emit({ type: 'packet-rejected', direction: 'outgoing', code: 'T01', amount, destination })
    }
    // the caller may write into it
    if (isPrepare(data)) return Promise.resolve(Buffer.from(OPEN))
    return Promise.reject(new CircuitOpenError(this.#circuit.retryAfterMs(now)))
  }

  // ------------------------------------------------------------------------------------------- what the circuit came to be

  opened(reason: OpenReason): void {
    const { events, emit, log } = this.#setup
    const now = this.#clock.monotonic()
    const retryAfterMs = this.#circuit.retryAfterMs(now)
    log.warn('the circuit to the peer is open for %d ms: %s', retryAfterMs, reason)
    if (events.observed) emit({ type: 'circuit-opened', reason, ...this.#circuit.counts(now), retryAfterMs })
    this.#handle?.changed()
  }

  halfOpened(): void {
    const { events, emit } = this.#setup
    if (events.observed) emit({ type: 'circuit-half-opened', trials: this.#config.trials })
    this.#handle?.changed()
  }

  closed(reason: CloseReason): void {
    const { events, emit, log } = this.#setup
    log.info('the circuit to the peer is closed: %s', reason)
    if (events.observed) emit({ type: 'circuit-closed', reason })
    this.#handle?.changed()
  }

  isolated(): void {
    const { events, emit } = this.#setup
    if (events.observed) emit({ type: 'circuit-isolated' })
    this.#handle?.changed()
  }
}

/** What an error may say of itself and still be about reaching the peer: no code, T00, T01, R00. */
const OUTAGES: readonly unknown[] = [undefined, null, 'T00', 'T01', 'R00']

/** A limit that was reached (T03, T05 …), or data that nobody takes (F00, F01), is no outage. */
function isOutage(error: unknown): boolean {
  try {
    return OUTAGES.includes((error as { ilpErrorCode?: unknown } | null | undefined)?.ilpErrorCode)
  } catch {
    // a getter that throws
    return true
  }
}
