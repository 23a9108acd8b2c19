import { InvalidFieldsError, events, wrap } from '@ilp-wrap/core'
import type { PluginEvent } from '@ilp-wrap/core'
import { rejectCode } from '@ilp-wrap/core/packet'
import { conformance, fulfill, mockPair, prepare, referenceFactory } from '@ilp-wrap/testing'
import { describe, expect, it } from 'vitest'
import { dataLimit, minimalOptions } from '../src/index.js'
import type { DataLimitOptions } from '../src/index.js'

conformance({ describe, it }, referenceFactory(), { wrap: dataLimit(minimalOptions) })

/** A connected plugin with nothing but this around it; the peer and the host fulfill whatever reaches them. */
function setup(options: Partial<DataLimitOptions> = {}) {
  const { plugin: inner, peer } = mockPair({ connected: true })
  const plugin = wrap(inner, [dataLimit({ maximumBytes: 3, ...options })])
  const reached: Buffer[] = []
  const answer = (data: Buffer): Promise<Buffer> => {
    reached.push(data)
    return Promise.resolve(fulfill())
  }
  peer.onData = answer
  plugin.registerDataHandler(answer)
  return { plugin, peer, reached }
}

const small = prepare({ data: Buffer.from('abc') })
const large = prepare({ data: Buffer.from('abcd') })

describe('data-limit', () => {
  it('lets a prepare with as many bytes pass, both ways', async () => {
    const { plugin, peer, reached } = setup()
    expect(await plugin.sendData(small)).toEqual(fulfill())
    expect(await peer.sendData(small)).toEqual(fulfill())
    expect(reached).toEqual([small, small])
  })

  it('answers one with more with F00, and neither end sees it', async () => {
    const { plugin, peer, reached } = setup()
    expect(rejectCode(await plugin.sendData(large))).toBe('F00')
    expect(rejectCode(await peer.sendData(large))).toBe('F00')
    expect(reached).toEqual([])
  })

  it('leaves a direction alone that is switched off', async () => {
    const incoming = setup({ outgoing: false })
    expect(await incoming.plugin.sendData(large)).toEqual(fulfill())
    expect(rejectCode(await incoming.peer.sendData(large))).toBe('F00')
    const outgoing = setup({ incoming: false })
    expect(rejectCode(await outgoing.plugin.sendData(large))).toBe('F00')
    expect(await outgoing.peer.sendData(large)).toEqual(fulfill())
  })

  it('passes what is no prepare, of any length', async () => {
    const { plugin, reached } = setup()
    const data = Buffer.alloc(100, 1)
    await plugin.sendData(data)
    expect(reached).toEqual([data])
  })

  it('tells those who listen what it refused', async () => {
    const { plugin, peer } = setup()
    const seen: PluginEvent[] = []
    events(plugin).subscribe((event) => seen.push(event))
    await plugin.sendData(large)
    await peer.sendData(large)
    const told = { type: 'packet-rejected', source: 'data-limit', code: 'F00', destination: 'example.receiver' }
    expect(seen).toMatchObject([
      { ...told, direction: 'outgoing' },
      { ...told, direction: 'incoming' }
    ])
  })

  it('refuses options that are unknown or wrong', () => {
    expect(() => dataLimit({ maximumBytes: -1 })).toThrow(InvalidFieldsError)
    expect(() => dataLimit({ maximumBytes: 1, maximum: 1 } as DataLimitOptions)).toThrow('Unknown option `maximum`')
  })
})
