import type { Clock } from '@ilp-wrap/core'
import { Observable } from 'rxjs'

/** Emits once after `ms`, at most 2^31 − 1, and completes; unsubscribing ends the timer. It keeps the process alive. */
export function sleep(clock: Clock, ms: number): Observable<undefined> {
  return new Observable((subscriber) => {
    const timer = clock.setTimeout(() => {
      subscriber.next(undefined)
      subscriber.complete()
    }, ms)
    return () => {
      clock.clearTimeout(timer)
    }
  })
}
