import { describe, expect, it } from 'vitest'
import { MemoryLog, MemoryStore } from '../src/index.js'

describe('MemoryStore', () => {
  it('keeps, gives and forgets values, and has undefined for what it lacks', async () => {
    const store = new MemoryStore()
    expect(await store.get('a')).toBeUndefined()
    await store.put('a', '1')
    expect([await store.get('a'), [...store.entries]]).toEqual(['1', [['a', '1']]])
    await store.del('a')
    expect(await store.get('a')).toBeUndefined()
  })
})

describe('MemoryLog', () => {
  it('keeps lines, with their levels, filled in', () => {
    const log = new MemoryLog()
    log.debug('plain')
    log.info('%s has %d', 'it', 5)
    log.warn('%j', { a: 1 })
    log.error('deep: %O', { a: { b: { c: { d: 1 } } } })
    expect(log.lines).toEqual([
      'debug: plain',
      'info: it has 5',
      'warn: {"a":1}',
      'error: deep: { a: { b: { c: { d: 1 } } } }'
    ])
  })
})
