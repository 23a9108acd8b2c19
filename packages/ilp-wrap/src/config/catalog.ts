/** The middleware that a JSON configuration names, and what it can say of each. */
import { balance } from '@ilp-wrap/balance'
import { circuitBreaker } from '@ilp-wrap/circuit-breaker'
import { compat } from '@ilp-wrap/compat'
import { concurrency } from '@ilp-wrap/concurrency'
import { MAX_TIMEOUT_MS } from '@ilp-wrap/core'
import type { Middleware } from '@ilp-wrap/core'
import { dedupe } from '@ilp-wrap/dedupe'
import { errorToReject } from '@ilp-wrap/error-to-reject'
import { expire } from '@ilp-wrap/expire'
import { logging } from '@ilp-wrap/logging'
import { maxPacketAmount } from '@ilp-wrap/max-packet-amount'
import { metrics } from '@ilp-wrap/metrics'
import { rateLimit } from '@ilp-wrap/rate-limit'
import { retry } from '@ilp-wrap/retry'
import { throughput } from '@ilp-wrap/throughput'
import { validateFulfillment } from '@ilp-wrap/validate-fulfillment'
import { recommended } from '../recommended.js'
import {
  amount,
  anyObject,
  boolean,
  choice,
  integer,
  list,
  matching,
  milliseconds,
  number,
  object,
  orFalse,
  share,
  string
} from './kinds.js'
import type { Kind, Schema } from './kinds.js'
import { ledger } from './ledgers.js'

export interface Entry {
  readonly options: Kind
  /** Whether it can be made without options. */
  readonly bare: boolean
  /** Takes what `options` reads. */
  readonly make: (options: never) => Middleware | readonly Middleware[]
}

type Fields = Readonly<Record<string, Kind>>

function entry(make: Entry['make'], fields: Fields, required: readonly string[] = [], rule?: Schema): Entry {
  return { options: object(fields, required, rule), bare: required.length === 0 && rule === undefined, make }
}

/** As long as one timer can wait. */
const delay = milliseconds(0, MAX_TIMEOUT_MS)
const halves = { incoming: boolean, outgoing: boolean }

function backoff(maxMs: number): Kind {
  return object({ baseMs: milliseconds(0, maxMs), maxMs: milliseconds(0, maxMs) })
}

const amountPerTime = object({ amount: amount('one or more'), refillMs: integer(1), burst: amount('one or more') }, [
  'amount'
])

const places = object({
  limit: integer(1),
  maxQueued: integer(0),
  maxQueuedAmount: amount('zero or more'),
  maxWaitMs: delay,
  marginMs: milliseconds(),
  timeoutMs: milliseconds(1)
})

/** Names that are free, each with its value. */
const labels: Kind = {
  schema: {
    type: 'object',
    propertyNames: {
      pattern: '^[a-zA-Z_][a-zA-Z0-9_]*$',
      not: { enum: ['account', 'direction', 'outcome', 'code', 'state', 'bound', 'source', 'type', 'le'] }
    },
    additionalProperties: string.schema
  },
  read(path, value) {
    const names = Object.keys(anyObject.read(path, value) as object)
    return object(Object.fromEntries(names.map((each) => [each, string]))).read(path, value)
  }
}

/** An ILP address (RFC 0015). */
const address = matching(
  /^(?=.{1,1023}$)(g|private|example|peer|self|test[1-3]?|local)([.][a-zA-Z0-9_~-]+)+$/,
  'an ILP address'
)

const HOUR_MS = 3_600_000
const YEAR_MS = 366 * 24 * HOUR_MS
const limits = { capacity: integer(1), refillCount: integer(1), refillMs: integer(1, YEAR_MS) }

const OUTCOMES = ['fulfilled', 'rejected', 'answered', 'failed', 'money', 'connection', 'event']

function perOutcome(kind: Kind): Kind {
  return object(Object.fromEntries(OUTCOMES.map((outcome) => [outcome, kind])))
}

/** Each middleware alone, by the name of its package without the scope. */
const parts: Readonly<Record<string, Entry>> = {
  compat: entry(compat, {
    transfers: choice('settle', 'iou'),
    connector: string,
    zeroAmount: choice('auto', 'transfer', 'request'),
    notAccepted: choice('F00', 'T00'),
    graceMs: milliseconds(),
    requestTimeoutMs: milliseconds(),
    moneyTimeoutMs: milliseconds(),
    customData: boolean,
    remember: integer(1, 10_000_000),
    recovery: boolean
  }),
  metrics: entry(metrics, {
    ...halves,
    money: boolean,
    prefix: matching(/^([a-zA-Z_:][a-zA-Z0-9_:]*)?$/, 'the beginning of a metric name'),
    labels,
    buckets: orFalse(list(number(0, Number.MAX_VALUE), { minItems: 1 }), 'an array'),
    events: boolean,
    trace: boolean
  }),
  logging: entry(logging, {
    ...halves,
    connections: boolean,
    events: orFalse(list(string), 'an array'),
    levels: perOutcome(choice('debug', 'info', 'warn', 'error', false)),
    sample: perOutcome(number(0, 1))
  }),
  'rate-limit': entry(rateLimit, {
    incoming: orFalse(object({ ...limits, mode: choice('reject') })),
    outgoing: orFalse(
      object({
        ...limits,
        mode: choice('reject', 'wait'),
        maxWaiting: integer(1),
        maxWaitingAmount: amount('zero or more'),
        maxWaitMs: delay,
        marginMs: milliseconds()
      })
    ),
    peer: orFalse(object(limits)),
    money: object(limits, Object.keys(limits))
  }),
  expire: entry(expire, {
    ...halves,
    minimumWindowMs: milliseconds(),
    reduceMs: milliseconds(),
    maxHoldMs: milliseconds(1).or('Infinity', Infinity),
    timeoutMs: milliseconds(1).or('Infinity', Infinity)
  }),
  'circuit-breaker': entry(circuitBreaker, {
    windowMs: milliseconds(1),
    minimumCalls: integer(1),
    failureRatio: share,
    halfOpenAfterMs: milliseconds(1),
    growth: number(1, Number.MAX_VALUE),
    maxHalfOpenAfterMs: milliseconds(1),
    trials: integer(1),
    trialTimeoutMs: milliseconds(1),
    rejectCodes: list(matching(/^[FTR][0-9]{2}$/, 'F, T or R and two digits')),
    timeoutMarginMs: milliseconds(),
    openOnDisconnect: boolean
  }),
  concurrency: entry(concurrency, { incoming: orFalse(places), outgoing: orFalse(places) }),
  'max-packet-amount': entry(maxPacketAmount, { maximum: amount('zero or more'), ...halves }, ['maximum']),
  throughput: entry(throughput, { incoming: amountPerTime, outgoing: amountPerTime }, [], { minProperties: 1 }),
  dedupe: entry(dedupe, {
    ...halves,
    maxEntries: integer(1, 2 ** 24),
    maxBytes: integer(1),
    maxHoldMs: milliseconds(1),
    graceMs: milliseconds()
  }),
  'error-to-reject': entry(errorToReject, { ...halves, address }),
  'validate-fulfillment': entry(validateFulfillment, halves),
  retry: entry(retry, {
    maxAttempts: integer(1),
    codes: list(matching(/^T[0-9][0-9]$/, 'a code from "T00" to "T99"')),
    backoff: backoff(MAX_TIMEOUT_MS),
    busyMs: delay,
    marginMs: milliseconds(),
    maxElapsedMs: milliseconds().or('Infinity', Infinity),
    dataTimeoutMs: delay,
    budget: orFalse(object({ tokens: integer(1, 1_000_000), perSuccess: number(0, 1_000_000) })),
    maxWaiting: integer(0),
    maxWaitingAmount: amount('zero or more'),
    waitForConnect: orFalse(object({ maxMs: delay })),
    connectTimeoutMs: milliseconds().or('Infinity', Infinity),
    connectBackoff: backoff(MAX_TIMEOUT_MS),
    reconnect: orFalse(object({ afterMs: delay })),
    holdDisconnectMs: delay,
    resendAmbiguousZeroAmount: boolean,
    moneyBackoff: backoff(HOUR_MS)
  }),
  balance: entry(
    balance,
    {
      maximum: amount('zero or more').or('Infinity', Infinity),
      minimum: amount('zero or less').or('-Infinity', -Infinity),
      settleThreshold: amount(),
      settleTo: amount(),
      minimumSettlement: amount('one or more'),
      cooldownMs: milliseconds(1, MAX_TIMEOUT_MS),
      moneyIsFinal: boolean,
      commitMarginMs: milliseconds(),
      ledger,
      ...halves
    },
    ['maximum']
  )
}

/** The options of the whole list: those of each part under its factory's name, or `false`. */
const recommendedFields = Object.fromEntries(
  Object.entries(parts).map(([name, { options }]) => [
    name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    orFalse({ ...options, schema: { $ref: `#/definitions/${name}` } })
  ])
)

/** What a configuration can name without a path: the names of our packages, and the list of them all. */
export const catalog: ReadonlyMap<string, Entry> = new Map([
  ['recommended', entry(recommended, recommendedFields, ['balance'])],
  ...Object.entries(parts)
])
