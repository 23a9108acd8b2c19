import { Deadline, MAX_TIMEOUT_MS } from '@ilp-wrap/core'
import { FULFILL, REJECT } from '@ilp-wrap/core/packet'
import {
  Observable,
  catchError,
  defer,
  finalize,
  firstValueFrom,
  lastValueFrom,
  merge,
  of,
  retry as retryWhile,
  switchMap,
  take,
  tap,
  throwError
} from 'rxjs'
import type { Subscriber } from 'rxjs'
import { backoffMs } from './backoff.js'
import { answerOutcome, isBusy, outOfTime, thrownOutcome } from './decision.js'
import type { GiveUpReason } from './decision.js'
import type { RetryEvent } from './events.js'
import { Failure } from './failure.js'
import type { Packet } from './packet.js'
import { expired } from './replies.js'
import type { Shared } from './shared.js'
import { sleep } from './sleep.js'

/** One packet whose first attempt has failed. Its attempts never overlap: each begins after the last one's outcome. */
export class Retrying {
  readonly #shared: Shared
  readonly #packet: Packet
  readonly #deadline: number
  readonly #amount: bigint
  readonly #id: number
  #attempts = 1
  #last: Failure | undefined

  constructor(shared: Shared, packet: Packet) {
    this.#shared = shared
    this.#packet = packet
    this.#deadline = shared.deadlineOf(packet.expiresAt, packet.startedAt)
    this.#amount = packet.amount
    this.#id = shared.nextId()
  }

  run(first: Failure): Promise<Buffer> {
    const { maxAttempts } = this.#shared.rules
    return lastValueFrom(
      // subscribed to for the first time, it is the attempt that was already made
      defer(() => (this.#last === undefined ? throwError(() => first) : this.#attempt(this.#last))).pipe(
        retryWhile({ count: maxAttempts - 1, delay: (failure: Failure) => this.#pause(failure) }),
        tap(() => {
          this.#shared.emit({ type: 'retry-succeeded', id: this.#id, attempts: this.#attempts })
        }),
        catchError((failure: Failure) => this.#giveUp(failure))
      )
    )
  }

  /** Emits once the next attempt may begin; fails when there is none. */
  #pause(failure: Failure): Observable<undefined> {
    this.#last = failure
    // it is what the next attempt would have been that has failed, if there is a reason already
    if (!failure.mayResend || failure.reason !== undefined) return throwError(() => failure)
    const { rules, clock, waiters, connection } = this.#shared
    const attempt = this.#attempts
    const busyMs = isBusy(failure.outcome) ? rules.busyMs : 0
    const delayMs = Math.min(backoffMs(attempt, rules.backoff, rules.random) + busyMs, MAX_TIMEOUT_MS)
    const reason = this.#obstacle(delayMs)
    if (reason !== undefined) return throwError(() => failure.because(reason))

    const remaining = rules.maxAttempts - attempt
    this.#shared.emit({ type: 'retry-scheduled', ...this.#about(failure), delayMs, remaining })
    return merge(
      sleep(clock, delayMs).pipe(switchMap(() => this.#connected())),
      connection.stopped(() => failure.because('disconnected'))
    ).pipe(
      take(1),
      finalize(() => {
        waiters.leave(this.#amount)
      })
    )
  }

  /** What stands in the way of a retry after `delayMs`. If nothing does, its place and its token are taken. */
  #obstacle(delayMs: number): GiveUpReason | undefined {
    const { connection, waiters, rules, clock } = this.#shared
    if (connection.over) return 'disconnected'
    if (this.#packet.waitedInVain && connection.away) return 'not-connected'
    const timing = { now: clock.now(), startedAt: this.#packet.startedAt, delayMs, deadline: this.#deadline }
    const late = outOfTime(timing, rules.maxElapsedMs)
    if (late !== undefined) return late
    if (!waiters.enter(this.#amount)) return 'waiting-full'
    if (this.#shared.takeToken()) return undefined
    waiters.leave(this.#amount)
    return 'budget'
  }

  /** Resolves once the plugin is connected, or has had its time. A promise, so as not to send within its `emit`. */
  async #connected(): Promise<undefined> {
    const { rules, connection, clock } = this.#shared
    if (rules.connectWaitMs === undefined || this.#packet.waitedInVain || !connection.away) return
    const limitMs = Math.max(0, Math.min(rules.connectWaitMs, this.#deadline - clock.now()))
    const end = await firstValueFrom(connection.arrival(limitMs))
    this.#packet.waitedInVain = end === 'late'
  }

  #attempt(last: Failure): Observable<Buffer> {
    // the connection came late, the process was held up, or the clock set
    if (this.#shared.clock.now() > this.#deadline) return throwError(() => last.because('deadline'))
    this.#attempts += 1
    return new Observable((subscriber) => {
      const attempt = new Attempt(this.#shared, this.#packet, this.#id, this.#attempts, subscriber)
      return () => {
        attempt.end()
      }
    })
  }

  /** The last outcome goes to the host as the plugin gave it: the same bytes, or the same error. */
  #giveUp(failure: Failure): Observable<Buffer> {
    const reason = failure.reason ?? (failure.mayResend ? 'attempts' : 'not-retryable')
    this.#shared.emit({ type: 'retry-abandoned', ...this.#about(failure), reason })
    return failure.thrown ? throwError(() => failure.value) : of(failure.value as Buffer)
  }

  #about({ outcome }: Failure): RetryEvent {
    const { kind, code } = outcome
    const { destination } = this.#packet
    return { id: this.#id, attempt: this.#attempts, outcome: kind, code, amount: this.#amount, destination }
  }
}

/**
 * A later attempt, which ends with R00 when its packet expires without an answer. The first attempt is the plain path;
 * `expire()` beneath watches over it.
 */
class Attempt extends Deadline {
  readonly #shared: Shared
  readonly #packet: Packet
  readonly #id: number
  readonly #number: number
  readonly #subscriber: Subscriber<Buffer>

  constructor(shared: Shared, packet: Packet, id: number, number: number, subscriber: Subscriber<Buffer>) {
    super(packet.expiresAt ?? Infinity)
    this.#shared = shared
    this.#packet = packet
    this.#id = id
    this.#number = number
    this.#subscriber = subscriber
    shared.deadlines.add(this)
    packet.send().then(
      (answer) => {
        this.#answered(answer)
      },
      (error: unknown) => {
        this.#threw(error)
      }
    )
  }

  override expire(): void {
    this.#fail(new Failure({ kind: 'expired', code: 'R00' }, expired(), false, false))
  }

  end(): void {
    this.#shared.deadlines.delete(this)
  }

  #answered(answer: Buffer): void {
    if (this.#subscriber.closed) {
      this.#late(answer)
      return
    }
    const outcome = answerOutcome(answer, this.#packet)
    if (outcome !== undefined) {
      this.#fail(new Failure(outcome, answer, false, this.#shared.mayResend(outcome, this.#packet)))
      return
    }
    this.#shared.succeeded()
    this.#subscriber.next(answer)
    this.#subscriber.complete()
  }

  #threw(error: unknown): void {
    if (this.#subscriber.closed) {
      this.#late(undefined)
      return
    }
    const outcome = thrownOutcome(error)
    this.#fail(new Failure(outcome, error, true, this.#shared.mayResend(outcome, this.#packet)))
  }

  #fail(failure: Failure): void {
    this.#subscriber.error(failure)
  }

  /** Nobody waits any more, and nothing changes; a fulfill that comes now counts for nobody (RFC 0027). */
  #late(answer: Buffer | undefined): void {
    if (answer?.[0] === FULFILL) {
      const { amount, destination = '' } = this.#packet
      this.#shared.emit({ type: 'late-fulfill', direction: 'outgoing', amount, destination, expiresAt: this.at })
      return
    }
    this.#shared.emit({ type: 'retry-answered-late', id: this.#id, attempt: this.#number, answer: kindOf(answer) })
  }
}

function kindOf(answer: Buffer | undefined): 'reject' | 'error' | 'other' {
  if (answer === undefined) return 'error'
  return answer[0] === REJECT ? 'reject' : 'other'
}
