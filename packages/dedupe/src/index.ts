export { dedupe, minimalOptions } from './dedupe.js'
export type { DedupeOptions } from './dedupe.js'
export type { PacketDeduplicated } from './events.js'
