import { once } from 'node:events'
import { connect } from 'node:net'
import { PassThrough } from 'node:stream'
import { wrap } from '@ilp-wrap/core'
import { fulfill, loopbackPair, prepare, rejectPacket } from '@ilp-wrap/testing'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { demoCommand } from '../src/commands/demo.js'
import { runCommand } from '../src/commands/program.js'
import type { MakeCommand } from '../src/commands/terminal.js'
import { count } from '../src/demo/count.js'
import type { Counts } from '../src/demo/count.js'
import { freePort, openLink } from '../src/demo/link.js'
import { loadDemoPackages } from '../src/demo/packages.js'
import { reportTable, reportValue, reportVerdict } from '../src/demo/report.js'

async function run(args: string[], isTTY = false): Promise<{ code: number; out: string; err: string }> {
  const streams = { out: Object.assign(new PassThrough(), { isTTY }), err: new PassThrough() }
  const text = { out: '', err: '' }
  for (const name of ['out', 'err'] as const) streams[name].on('data', (chunk) => (text[name] += String(chunk)))
  const code = await runCommand(args, streams)
  await new Promise((resolve) => setImmediate(resolve))
  return { code, ...text }
}

describe('ilp-wrap demo', () => {
  it('pays, prints lines of progress and a table, and gives 0', async () => {
    const { code, out, err } = await run(['demo', '--amount', '200000', '--packet', '100', '--seed', '3'])
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain('delivered 200000 of 200000 units')
    expect(out).toMatch(/balance of the sender\W+-200000/)
    // connections were cut on the way
    expect(out).toMatch(/cut\W+\d/)
    expect(out.match(/units delivered\W+200000/g)).toHaveLength(2)
    expect(out).toContain('Every unit has arrived, once, and the books of both ends agree.')
  })

  it('shows a bar on a terminal', async () => {
    const { code, out } = await run(['demo', '--amount', '500', '--packet', '100'], true)
    expect(code).toBe(0)
    expect(out).toContain('paying [')
    expect(out).not.toContain('delivered 500 of')
  })

  it('prints JSON, or nothing, when asked', async () => {
    const json = await run(['demo', '--amount', '300', '--json'])
    const payment = { complete: true, amount: '300', delivered: '300', balances: { sender: '-300', receiver: '300' } }
    expect(JSON.parse(json.out)).toMatchObject({ complete: true, btp: payment, legacy: payment })
    expect(await run(['demo', '--amount', '300', '--quiet'])).toEqual({ code: 0, out: '', err: '' })
  })

  it('says so when units or books do not agree', () => {
    const report = {
      name: 'btp' as const,
      amount: 2n,
      packet: 1n,
      seed: 1,
      sent: 2n,
      delivered: 1n,
      balances: { sender: -2n, receiver: 1n },
      counts: { packets: 2, units: 2n, outcomes: { fulfilled: 2 } },
      faults: {},
      durationMs: 10,
      complete: false
    }
    expect(reportTable(report)).toMatch(/units delivered\W+1/)
    const both = [{ ...report, name: 'legacy' as const, complete: true }, report]
    expect(reportVerdict(both)).toContain('Units or books do not agree.')
    expect(reportValue(both)).toMatchObject({ complete: false, legacy: { complete: true }, btp: { complete: false } })
  })

  it('gives 1 when not all is well', async () => {
    const terminal = { out: new PassThrough(), err: new PassThrough() }
    const make: MakeCommand = (_, exit) => demoCommand(terminal, exit, () => Promise.resolve(false))
    expect(await runCommand(['demo'], terminal, [make])).toBe(1)
  })

  it('refuses bad arguments, naming them', async () => {
    for (const [args, message] of [
      [['demo', '--amount', '0'], "error: option '--amount <units>' argument '0' is invalid"],
      [['demo', '--seed', 'x'], "error: option '--seed <number>' argument 'x' is invalid"],
      [['demo', '--loud'], "error: unknown option '--loud'"]
    ] as const) {
      const { code, err } = await run([...args])
      expect(code).toBe(1)
      expect(err).toContain(message)
    }
    expect((await run(['demo', '--packet', '1x'])).err).toContain('Expected a whole number above zero.')
    const help = await run(['demo', '--help'])
    expect(help.code).toBe(0)
    expect(help.out).toContain('Examples:')
  })
})

describe('the program', () => {
  function failing(error: unknown): MakeCommand {
    return () =>
      new Command('fail').action(() => {
        throw error
      })
  }

  async function fail(args: string[], error: unknown): Promise<string> {
    const err = new PassThrough()
    let text = ''
    err.on('data', (chunk) => (text += String(chunk)))
    expect(await runCommand(args, { out: new PassThrough(), err }, [failing(error)])).toBe(1)
    await new Promise((resolve) => setImmediate(resolve))
    return text
  }

  it('prints an error in one line, and its stack only when asked', async () => {
    const error = new Error('no luck')
    expect(await fail(['fail'], error)).toBe('ilp-wrap: no luck\n')
    expect(await fail(['--verbose', 'fail'], error)).toContain('at ')
    expect(await fail(['--verbose', 'fail'], { message: 'without a stack' })).toBe('ilp-wrap: without a stack\n')
  })

  it('tells of all its commands, and of what is none of them', async () => {
    const { out } = await run(['--help'])
    for (const name of ['demo', 'check', 'new', 'relay', 'books']) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'))
    for (const name of ['nonsense', 'constructor']) {
      expect(await run([name])).toMatchObject({ code: 1, err: `error: unknown command '${name}'\n` })
    }
  })

  it('ends with the code that a command asks for', async () => {
    const terminal = { out: new PassThrough(), err: new PassThrough() }
    const make: MakeCommand = (_, exit) =>
      new Command('odd').action(() => {
        exit(7)
      })
    expect(await runCommand(['odd'], terminal, [make])).toBe(7)
  })
})

describe('the parts of the demo', () => {
  it('say what to install when a package is missing', async () => {
    await expect(loadDemoPackages(() => Promise.reject(new Error('no such package')))).rejects.toThrow(
      'The demo needs ilp-plugin-btp: npm install ilp-plugin-btp ilp-protocol-stream'
    )
  })

  it('count what becomes of packets', async () => {
    const counts: Counts = { packets: 0, units: 0n, outcomes: {} }
    const { alice: inner, bob: peer } = loopbackPair()
    const plugin = wrap(inner, [count(counts)])
    await Promise.all([inner.connect(), peer.connect()])
    const answers = [fulfill(), rejectPacket({ code: 'T04' }), Buffer.alloc(0), undefined]
    peer.registerDataHandler(() => {
      const answer = answers.shift()
      return answer === undefined ? Promise.reject(new Error('no')) : Promise.resolve(answer)
    })
    for (let i = 0; i < 3; i++) await plugin.sendData(prepare({ amount: 5n }))
    await expect(plugin.sendData(prepare({ amount: 5n }))).rejects.toThrow()
    await plugin.sendData(prepare({ amount: 0n })).catch(() => undefined)
    await plugin.sendData(Buffer.from('no prepare')).catch(() => undefined)
    expect(counts).toEqual({ packets: 4, units: 5n, outcomes: { fulfilled: 1, T04: 1, invalid: 1, thrown: 1 } })
  })

  it('drop a connection whose other end is not there', async () => {
    const link = await openLink(await freePort())
    const socket = connect(link.port, '127.0.0.1')
    await once(socket, 'close')
    await link.close()
  })
})
