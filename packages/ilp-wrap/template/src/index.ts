export { dataLimit, minimalOptions } from './data-limit.js'
export type { DataLimitOptions } from './data-limit.js'
export type {} from './events.js'
