import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Keys, accountsOf, booksPattern, keyNames } from '../src/keys.js'

// any sequence of UTF-16 units, halves of pairs too, and what means something to Redis
const name = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }),
      fc.constantFrom(...Array.from('{}:*?[]%\\ a', (c) => c.charCodeAt(0)))
    )
  )
  .map((units) => String.fromCharCode(...units))
const prefix = fc.string().filter((text) => !/[{}]/.test(text))

describe('Keys', () => {
  it('reads the account from the key of its books', () => {
    fc.assert(
      fc.property(prefix, name, (before, account) => {
        expect(accountsOf(before, [new Keys(before, account).books])).toEqual([account])
      })
    )
  })

  it('takes no other key of an account for its books', () => {
    for (const key of keyNames) {
      if (key !== 'books') expect(accountsOf('p:', [new Keys('p:', 'alice').get(key)])).toEqual([])
    }
  })

  it('takes no key that it would not make for books', () => {
    for (const key of ['', 'p:{1:alice', 'q:{1:alice}', 'p:{2:alice}', 'p:{1:a b}', 'p:{1:%GGGG}', 'p:{1:{alice}}']) {
      expect(accountsOf('p:', [key])).toEqual([])
    }
  })

  it('has one hash tag for all keys of an account, and it is never empty', () => {
    fc.assert(
      fc.property(prefix, name, (before, account) => {
        const keys = new Keys(before, account)
        const tags = keyNames.map((key) => /\{(.*?)\}/s.exec(keys.get(key))?.[1])
        expect(new Set(tags).size).toBe(1)
        expect(tags[0]).toMatch(/^1:[\w.~%-]*$/)
      })
    )
  })

  it('escapes what means something in a pattern', () => {
    expect(booksPattern('a*b?[c]^\\:')).toBe('a\\*b\\?\\[c\\]\\^\\\\:{1:*}')
  })
})
