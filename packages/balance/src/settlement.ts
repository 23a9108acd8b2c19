import type { Clock } from '@ilp-wrap/core'
import { EMPTY, Observable, concatMap, defer, exhaustMap, expand, filter, tap } from 'rxjs'
import type { SettlementTerms } from './ledger.js'

/** The options that say when to settle, and how much. */
export interface SettlementRule {
  /** Settle when the balance is below; `undefined`: never by itself. */
  readonly threshold: bigint | undefined
  /** The balance that a settlement leads to. */
  readonly target: bigint
  /** Settlements of less are not made. */
  readonly smallest: bigint
  readonly cooldownMs: number
}

/** What is to be paid so that the balance reaches its target; zero when that is too little, or not due yet. */
export function amountDue({ threshold, target, smallest }: SettlementTerms, balance: bigint): bigint {
  const due = target - balance
  return balance < threshold && due >= smallest ? due : 0n
}

/**
 * What came of one look at the balance: a payment was `sent` or has `failed` for certain, the plugin is `away`, there
 * was `nothing` to pay, other money is on its way (`sending`), or settlement is `suspended`.
 */
export type Look = 'sent' | 'failed' | 'away' | 'nothing' | 'sending' | 'suspended'

/** After these there may be more to pay, without another packet. */
const AGAIN: readonly Look[] = ['sent', 'failed', 'sending']

/**
 * Settles while somebody is subscribed: each balance below the threshold starts a round, unless one is under way. A
 * round looks, which pays what is due, and after a payment, be it somebody else's, waits and looks again. A round starts
 * on a timer, never on the stack or among the microtasks of a packet.
 */
export function settlements(
  balance$: Observable<bigint>,
  threshold: bigint,
  cooldownMs: number,
  clock: Clock,
  look: () => Promise<Look>
): Observable<Look> {
  // a balance that comes during a look would be lost: `exhaustMap` passes it over
  let missed = false
  const lookNow = defer(() => {
    missed = false
    // an error would end settlement, and the process with it
    return look().catch((): Look => 'away')
  })
  return balance$.pipe(
    filter((balance) => balance < threshold),
    tap(() => {
      missed = true
    }),
    exhaustMap(() =>
      sleep(clock, 0).pipe(
        concatMap(() => lookNow),
        expand((found) => {
          if (AGAIN.includes(found)) return sleep(clock, cooldownMs).pipe(concatMap(() => lookNow))
          return missed ? lookNow : EMPTY
        })
      )
    )
  )
}

/** Emits once after `ms`, by the clock of the stack. A process that has nothing else to do need not wait for it. */
function sleep(clock: Clock, ms: number): Observable<void> {
  return new Observable((subscriber) => {
    const timer = clock.setTimeout(() => {
      subscriber.next()
      subscriber.complete()
    }, ms)
    if (ms > 0) timer.unref()
    return () => {
      clock.clearTimeout(timer)
    }
  })
}
