import { conformance, referenceFactory } from '@ilp-wrap/testing'
import { describe, it } from 'vitest'
import { balance, minimalOptions } from '../src/index.js'
import { SlowStore } from './slow-ledger.js'

describe('balance()', () => {
  conformance({ describe, it }, referenceFactory(), { wrap: balance(minimalOptions) })
})

describe('balance() that settles', () => {
  conformance({ describe, it }, referenceFactory(), {
    wrap: balance({ ...minimalOptions, settleThreshold: -1_000_000n }),
    skip: {
      'C25 emits what its inner plugin emits once, to listeners from before and after connecting':
        'a layer with a lifecycle listens from the first, and so before who listens to the inner plugin later'
    }
  })
})

describe('balance() over a ledger that takes time', () => {
  const middleware = balance({ ...minimalOptions, ledger: new SlowStore() })
  conformance({ describe, it }, referenceFactory(), {
    wrap: (plugin, context) => middleware(plugin, { account: 'alice', ...context })
  })
})
