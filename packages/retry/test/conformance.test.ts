import { conformance, referenceFactory } from '@ilp-wrap/testing'
import { describe, it } from 'vitest'
import { minimalOptions, retry } from '../src/index.js'

describe('retry', () => {
  conformance({ describe, it }, referenceFactory(), {
    wrap: retry(minimalOptions),
    supports: { recovers: true }
  })
})
