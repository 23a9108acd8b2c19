export { octetsEnd, octetsStart } from './bytes.js'
export { FULFILL, fulfillData, fulfillFulfillment, isFulfill } from './fulfill.js'
export {
  PREPARE,
  isForPeer,
  isPrepare,
  prepareAmount,
  prepareCondition,
  prepareData,
  prepareDestination,
  prepareExpiresAt,
  withExpiresAt
} from './prepare.js'
export {
  REJECT,
  amountTooLargeData,
  isReject,
  reject,
  rejectCode,
  rejectData,
  rejectMessage,
  rejectTriggeredBy
} from './reject.js'
export type { RejectFields } from './reject.js'
export { packetType } from './type.js'
export type { PacketType } from './type.js'
