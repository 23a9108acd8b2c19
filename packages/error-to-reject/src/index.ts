export { errorToReject, minimalOptions } from './error-to-reject.js'
export type { ErrorToRejectOptions } from './error-to-reject.js'
export type { ErrorConverted } from './events.js'
