import { defineMiddleware } from '@ilp-wrap/core'
import { logging } from '@ilp-wrap/logging'

const everything = defineMiddleware({ name: 'everything', place: { incoming: 'any', outgoing: 'any' } }, () => ({
  sendData: (data, next) => next(data),
  handleData: (data, next) => next(data),
  sendMoney: (amount, next) => next(amount),
  handleMoney: (amount, next) => next(amount),
  connect: (options, next) => next(options),
  disconnect: (next) => next(),
  lifecycle: (source) => source
}))

/** The stacks whose hygiene is tested, by name: functions that make a fresh list. */
export const stacks = {
  'no middleware': () => [],
  'a layer with every hook': () => [everything],
  logging: () => [logging()]
}
