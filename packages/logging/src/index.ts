export { logging, minimalOptions } from './logging.js'
export type { LoggingOptions } from './logging.js'
export type { Direction, Level, LogEntry, Outcome } from './entry.js'
