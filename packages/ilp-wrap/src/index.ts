export * from '@ilp-wrap/core'
export { logging } from '@ilp-wrap/logging'
export type { LoggingOptions } from '@ilp-wrap/logging'
