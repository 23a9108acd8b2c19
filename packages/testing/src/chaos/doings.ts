import { MoneyNotSentError } from '@ilp-wrap/core'
import { fulfill, fulfillmentOf } from '../packets.js'

/** How an attempt may fail, by what it proves: nothing was sent, the peer refused it, or nothing at all. */
export type ThrownAs = 'not-sent' | 'refused' | 'ambiguous'

export const THROWN_AS: readonly ThrownAs[] = ['not-sent', 'refused', 'ambiguous']

/** Errors as real plugins throw them. */
export function chaosError(kind: ThrownAs): Error {
  switch (kind) {
    case 'not-sent':
      return Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1 (chaos)'), {
        code: 'ECONNREFUSED',
        syscall: 'connect'
      })
    case 'refused':
      return new Error(JSON.stringify({ code: 'T00', name: 'UnreachableError', data: '{"message":"chaos"}' }))
    case 'ambiguous':
      return Object.assign(new Error('socket hang up (chaos)'), { code: 'ECONNRESET' })
  }
}

/** What became of it, nobody knows. */
export function timeoutError(ms: number): Error {
  return new Error(`chaos: timed out after ${ms} ms`)
}

/** The connection went away: `sent` tells whether the packet had been passed on. */
export function connectionError(sent: boolean): Error {
  return Object.assign(new Error('chaos: the connection was closed'), sent ? {} : { notSent: true })
}

export function moneyNotSent(): Error {
  return new MoneyNotSentError('chaos: the money was not sent')
}

/** An answer to a prepare that is none. */
export function wrongAnswer(detail: number): Buffer {
  const kinds = [
    () => fulfill({ fulfillment: fulfillmentOf(`chaos ${detail}`) }),
    () => Buffer.alloc(0),
    () => Buffer.from('chaos: noise')
  ]
  return (kinds[Math.floor(detail * kinds.length)] as () => Buffer)()
}
