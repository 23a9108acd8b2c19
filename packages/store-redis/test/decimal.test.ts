import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decimal } from '../src/decimal.js'
import { describeRedis, redisForAll } from './setup.js'

/** Each of a hundred pairs. */
const RUNS = { numRuns: 40 }

describeRedis('decimal strings in Lua', () => {
  const { raw } = redisForAll()

  /** Runs `expression` over each `a` and `b`. */
  async function each(expression: string, pairs: readonly (readonly [bigint, bigint])[]): Promise<unknown[]> {
    const lua = `${decimal}
      local results = {}
      for index = 1, #ARGV, 2 do
        local a, b = ARGV[index], ARGV[index + 1]
        results[#results + 1] = ${expression}
      end
      return results`
    return (await raw().eval(lua, 0, ...pairs.flat().map(String))) as unknown[]
  }

  // about each power of two and of ten that a double, a UInt64 or a limb ends at, and anything
  const edges = [0n, 10n ** 14n, 10n ** 15n, 2n ** 53n, 10n ** 28n, 2n ** 63n, 2n ** 64n, 2n ** 128n]
  const magnitude = fc.oneof(
    fc.bigInt({ min: 0n, max: 1000n }),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: 0n, max: 2n ** 256n }),
    fc.tuple(fc.constantFrom(...edges), fc.bigInt({ min: -2n, max: 2n })).map(([edge, by]) => edge + by)
  )
  const number = fc.tuple(magnitude, fc.boolean()).map(([value, isBelowZero]) => (isBelowZero ? -value : value))
  const near = fc.tuple(number, fc.bigInt({ min: -2n, max: 2n })).map(([a, by]) => [a, a + by] as const)
  const pairs = fc.array(fc.oneof(fc.tuple(number, number), near), { minLength: 100, maxLength: 100 })

  it('adds as bigint does', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async (list) => {
        expect(await each('add(a, b)', list)).toEqual(list.map(([a, b]) => String(a + b)))
      }),
      RUNS
    )
  })

  it('subtracts as bigint does', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async (list) => {
        expect(await each('add(a, negated(b))', list)).toEqual(list.map(([a, b]) => String(a - b)))
      }),
      RUNS
    )
  })

  it('compares as bigint does', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async (list) => {
        expect(await each('above(a, b) and 1 or 0', list)).toEqual(list.map(([a, b]) => (a > b ? 1 : 0)))
      }),
      RUNS
    )
  })

  it('sums up as bigint does, through zero and back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(number, { minLength: 1, maxLength: 200 }), async (list) => {
        const lua = `${decimal}
          local sum = '0'
          for _, item in ipairs(ARGV) do sum = add(sum, item) end
          return sum`
        const sum = list.reduce((total, item) => total + item, 0n)
        expect(await raw().eval(lua, 0, ...list.map(String))).toBe(String(sum))
      })
    )
  })
})
