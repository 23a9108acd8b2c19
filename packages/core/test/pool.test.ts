import { expect, it } from 'vitest'
import { Pool } from '../src/index.js'

it('gives what was given back before it makes another one', () => {
  let made = 0
  const pool = new Pool(() => ({ number: ++made }))
  const [one, two] = [pool.take(), pool.take()]
  pool.give(one)
  pool.give(two)
  expect([pool.take(), pool.take(), pool.take().number]).toEqual([two, one, 3])
})

it('keeps no more free ones than it may', () => {
  let made = 0
  const pool = new Pool(() => ({ number: ++made }), 2)
  const taken = [pool.take(), pool.take(), pool.take()]
  for (const each of taken) pool.give(each)
  expect(new Set([pool.take(), pool.take()])).toEqual(new Set(taken.slice(0, 2)))
  expect(pool.take().number).toBe(4)
})
