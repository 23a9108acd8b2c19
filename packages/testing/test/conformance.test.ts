import { describe, it } from 'vitest'
import { conformance, referenceFactory } from '../src/index.js'

describe('the reference plugin', () => {
  conformance({ describe, it }, referenceFactory(), { supports: { recovers: true } })
})
