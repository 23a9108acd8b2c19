export type { LateAnswer, PacketExpired, RequestTimedOut } from './events.js'
export { expire, minimalOptions } from './expire.js'
export type { ExpireOptions } from './expire.js'
