import { describe, it } from 'vitest'
import { systemClock, wrap } from '@ilp-wrap/core'
import { conformance, legacyPair } from '@ilp-wrap/testing'
import type { ConformanceOptions, Factory, LegacyQuirks } from '@ilp-wrap/testing'
import { compat } from '../src/index.js'

const factory =
  (quirks: LegacyQuirks): Factory =>
  async () => {
    // what is open when the plugin is disconnected ends at its expiry; the suite need not wait for that
    let ahead = 0
    const clock = { ...systemClock, now: () => systemClock.now() + ahead }
    const { alice, bob } = legacyPair({ quirks })
    alice.on('connect', () => (ahead = 0))
    alice.on('disconnect', () => (ahead = 60_000))
    const peer = wrap(bob, [compat()])
    await peer.connect()
    return {
      plugin: wrap(alice, [compat()], { clock }),
      peer,
      network: { lose: () => alice.lose() },
      cleanup: () => peer.disconnect()
    }
  }

const options: ConformanceOptions = {
  supports: { refuse: false, silence: false, build: false, expiry: true },
  skip: {
    'C58 does not take money without a handler': 'a v1 ledger has moved it by then, the event money-unhandled says so',
    'C60 tells the peer when the money handler fails': 'as above'
  }
}

describe('a wrapped v1 plugin', () => {
  conformance({ describe, it }, factory({}), options)
})

describe('a wrapped v1 plugin with the quirks of ilp-plugin-virtual', () => {
  const quirks = { reasonlessCancel: true, loseData: true, synchronousEvents: true, swallowErrors: true }
  conformance({ describe, it }, factory(quirks), {
    ...options,
    skip: { ...options.skip, 'C33 carries a prepare to the peer and its fulfill back': 'the plugin loses the data' }
  })
})

describe('a wrapped v1 plugin with messages only', () => {
  conformance({ describe, it }, factory({ messagesOnly: true, nodeEmitter: true }), options)
})
