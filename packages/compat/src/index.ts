export type { CompatHandle } from './adapter.js'
export { compat, minimalOptions } from './compat.js'
export { RequestRejectedError } from './errors.js'
export type {
  FulfillFailed,
  JournalFailed,
  MoneyOutcomeLate,
  MoneyUnhandled,
  OutcomeRepeated,
  TransferEvent,
  TransferPaidLate,
  TransferRecovered,
  WrongFulfillment
} from './events.js'
export {
  ILP_ERROR,
  ILP_FORWARDED_PAYMENT,
  ILP_FULFILLMENT,
  ILP_PAYMENT,
  decodeError,
  decodeForwardedPayment,
  decodeFulfillment,
  decodePayment,
  encodeError,
  encodeForwardedPayment,
  encodeFulfillment,
  encodePayment
} from './legacy-packets.js'
export type { IlpErrorPacket, IlpForwardedPayment, IlpPayment } from './legacy-packets.js'
export type { CompatOptions } from './options.js'
