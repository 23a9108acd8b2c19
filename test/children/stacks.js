import { defineMiddleware } from '@ilp-wrap/core'
import { balance } from '@ilp-wrap/balance'
import { expire } from '@ilp-wrap/expire'
import { logging } from '@ilp-wrap/logging'
import { rateLimit } from '@ilp-wrap/rate-limit'
import { retry } from '@ilp-wrap/retry'
import { validateFulfillment } from '@ilp-wrap/validate-fulfillment'

const everything = defineMiddleware({ name: 'everything', place: { incoming: 'any', outgoing: 'any' } }, () => ({
  sendData: (data, next) => next(data),
  handleData: (data, next) => next(data),
  sendMoney: (amount, next) => next(amount),
  handleMoney: (amount, next) => next(amount),
  connect: (options, next) => next(options),
  disconnect: (next) => next(),
  lifecycle: (source) => source
}))

// wider than a million packets: nothing is to be refused
const wide = { capacity: 10_000_000, refillCount: 10_000_000 }

/** The stacks whose hygiene is tested, by name: functions that make a fresh list. */
export const stacks = {
  'no middleware': () => [],
  'a layer with every hook': () => [everything],
  logging: () => [logging()],
  'the traffic middleware': () => [
    validateFulfillment(),
    expire(),
    retry(),
    balance({ maximum: 10n ** 20n }),
    rateLimit({ incoming: wide, outgoing: wide }),
    logging()
  ]
}
