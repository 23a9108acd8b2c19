export { levelStore } from './level-store.js'
export type { LevelStore, LevelStoreOptions } from './level-store.js'
export type {} from './database.js'
