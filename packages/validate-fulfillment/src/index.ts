export type { InvalidReply, ReplyRejected } from './events.js'
export { minimalOptions, validateFulfillment } from './validate-fulfillment.js'
export type { ValidateFulfillmentOptions } from './validate-fulfillment.js'
