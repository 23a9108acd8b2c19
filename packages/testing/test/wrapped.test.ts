import { wrap } from '@ilp-wrap/core'
import type { Middleware } from '@ilp-wrap/core'
import { describe, it } from 'vitest'
import { conformance, referenceFactory } from '../src/index.js'

const wrapped: Middleware = (plugin, context) => wrap(plugin, [], context)

describe('a wrapped reference plugin', () => {
  conformance({ describe, it }, referenceFactory(), { wrap: wrapped, supports: { recovers: true } })
})
