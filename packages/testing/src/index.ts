export { chaos, chaosOf } from './chaos/chaos.js'
export type { ChaosHandle } from './chaos/chaos.js'
export type { ThrownAs } from './chaos/doings.js'
export type { Direction } from './chaos/lane.js'
export type { ChaosOptions } from './chaos/options.js'
export { flaky } from './chaos/rates.js'
export type { ChaosRates, Strike } from './chaos/rates.js'
export { conformance, conformanceCases, runConformance } from './conformance/conformance.js'
export type { ConformanceResult, TestFramework } from './conformance/conformance.js'
export type {
  Build,
  ConformanceCase,
  ConformanceOptions,
  Factory,
  Feature,
  Network,
  PeerPlugin,
  Subject
} from './conformance/case.js'
export { referenceFactory } from './conformance/reference.js'
export { Loopback } from './loopback.js'
export type { LoopbackOptions, Reception } from './loopback.js'
export { Inbox, MockPayment, MockPeer, MockPlugin, MockRequest, mockPair } from './mock-pair.js'
export type { MockOptions, MockPair } from './mock-pair.js'
export { FULFILLMENT, conditionOf, fulfill, fulfillmentOf, prepare, rejectPacket } from './packets.js'
export type { FulfillFields, PrepareFields, RejectPacketFields } from './packets.js'
export { Random } from './random.js'
export { ReferencePlugin, loopbackPair } from './reference-plugin.js'
export type { LoopbackPair, ReferencePluginOptions } from './reference-plugin.js'
export { MemoryLog, MemoryStore } from './services.js'
export { testClock } from './test-clock.js'
export type { TestClock } from './test-clock.js'
export {
  emitter2Plugin,
  frozenPlugin,
  overEmitter,
  overwritingPlugin,
  privatePlugin,
  proxiedPlugin,
  throwingPlugin,
  unversionedPlugin
} from './variants.js'
export type { EmitterClass, PrivatePlugin } from './variants.js'
export { LegacyPlugin, legacyPair } from './legacy-pair.js'
export type { LegacyPair, LegacyPairOptions, LegacyQuirks } from './legacy-pair.js'
