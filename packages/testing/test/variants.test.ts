import { describe, expect, it } from 'vitest'
import {
  frozenPlugin,
  loopbackPair,
  mockPair,
  overwritingPlugin,
  privatePlugin,
  throwingPlugin,
  unversionedPlugin
} from '../src/index.js'

const hello = Buffer.from('hello')

describe('the plugin variants', () => {
  it('are what they are called', async () => {
    const { alice } = loopbackPair()
    expect(Object.isFrozen(frozenPlugin(alice))).toBe(true)
    expect(unversionedPlugin(alice).constructor).toBe(Object)
    expect(() => throwingPlugin(alice).sendData(hello)).toThrow('Not connected')
    expect(() => throwingPlugin(alice).sendMoney('5')).toThrow('Not connected')
  })

  it('overwrite handlers without a word, or guard a secret', async () => {
    const { plugin, peer } = mockPair()
    const overwriting = overwritingPlugin(plugin)
    overwriting.registerDataHandler(async () => Buffer.from('first'))
    overwriting.registerDataHandler(async () => Buffer.from('second'))
    expect((await peer.sendData(hello)).toString()).toBe('second')
    const guarded = privatePlugin(plugin)
    expect([guarded.secret, guarded._account]).toEqual(['secret', 'example.account'])
    await guarded.sendAdminInfo({ secret: 'new' })
    expect(await guarded.getAdminInfo()).toEqual({ secret: 'new' })
  })

  it('pass events on, once', () => {
    const { plugin, peer } = mockPair()
    const seen: string[] = []
    frozenPlugin(plugin).once('connect', () => seen.push('frozen'))
    unversionedPlugin(plugin).once('connect', () => seen.push('unversioned'))
    peer.restore()
    peer.restore()
    expect(seen).toEqual(['frozen', 'unversioned'])
  })
})
