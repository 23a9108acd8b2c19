import { conformance, referenceFactory } from '@ilp-wrap/testing'
import { describe, it } from 'vitest'
import { logging, minimalOptions } from '../src/index.js'

describe('logging', () => {
  conformance({ describe, it }, referenceFactory(), { wrap: logging(minimalOptions), supports: { recovers: true } })
})
