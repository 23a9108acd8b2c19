import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { root } from '../scripts/lib/files.js'

// `ilp-wrap check` as it is typed, over plugins that people use. Each run is a process of its own: some of them throw
// what nobody catches.

interface Verdict {
  version: number
  passed: boolean
  counts: Record<'bare' | 'wrapped', { passed: number; failed: number; notSupported: number }>
  features: Record<string, { supported: boolean; reason: string }>
  cases: { clause: string; title: string; bare: { status: string }; wrapped: { status: string } }[]
}

async function check(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [join(root, 'packages/ilp-wrap/dist/bin.js'), 'check', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const ended = new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? -1)))
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await ended, out, err }
}

describe.concurrent('ilp-wrap check', { timeout: 120_000 }, () => {
  it('finds in one line what ilp-plugin-btp does and does not', async () => {
    const { code, out, err } = await check(
      'ilp-plugin-btp',
      '--options',
      '{"listener":{"port":{port},"secret":"canary"},"responseTimeout":1000}',
      '--peer-options',
      '{"server":"btp+ws://:canary@127.0.0.1:{port}","responseTimeout":1000}',
      // it hangs in some cases, and need not hang for long
      '--timeout',
      '3000',
      '--skip',
      'C60 tells the peer when the data handler throws what is no Error=takes its time',
      '--skip',
      'C73=its peer has timers of its own',
      '--json'
    )
    expect([code, err]).toEqual([1, ''])
    expect(out).not.toContain('canary')
    const verdict = JSON.parse(out) as Verdict
    expect(verdict).toMatchObject({
      version: 2,
      passed: false,
      features: {
        peer: { supported: true },
        lose: { supported: true },
        // who is connected to has nobody to refuse it
        refuse: { supported: false },
        money: { supported: false, reason: 'sendMoney() resolves, and no money arrives' },
        reconnect: { supported: false },
        expiry: { supported: false }
      }
    })
    const failed = (form: 'bare' | 'wrapped'): string[] =>
      verdict.cases.filter((each) => each[form].status === 'failed').map(({ clause }) => clause)
    expect(new Set(failed('bare'))).toContain('C52')
    // what core does in the plugin's stead
    for (const clause of ['C10', 'C52', 'C55', 'C56']) expect(failed('wrapped')).not.toContain(clause)
    expect(verdict.counts.bare.passed).toBeGreaterThan(40)
  })

  // now and then, on a busy machine, one of its sockets hangs up in the middle of a connect()
  it('gives 0 for a plugin of version 1 that keeps, with compat(), what is asked of it', { retry: 2 }, async () => {
    const info = { prefix: 'test.framework.', currencyCode: 'XRP', currencyScale: 6 }
    const listener = {
      incomingSecret: 'x',
      prefix: info.prefix,
      info: { ...info, connectors: ['test.framework.server'] },
      _store: null
    }
    const { code, out } = await check(
      'ilp-plugin-payment-channel-framework',
      '--options',
      '{"server":"btp+ws://:x@127.0.0.1:{port}","_store":null}',
      '--peer-options',
      JSON.stringify({ ...listener, listener: { port: 0 } }).replace('"port":0', '"port":{port}'),
      '--without',
      'lose,refuse',
      '--skip',
      'C21 disconnect() ends a connect() that is under way=its socket, closed too early, throws where nobody catches it',
      '--skip',
      'C40 sends in the order of the calls=each message waits for an id',
      '--skip',
      'C66=each message waits for an id',
      // on a busy machine
      '--skip',
      'C40 keeps 1000 exchanges at a time apart=an answer has 5 s',
      '--skip',
      'C72 leaves no error to nobody, between the cases either=as C21: a socket that is closed too early'
    )
    expect(out).toContain('a plugin of version 1, with compat()')
    expect(out).toContain('money: The ledger plugin takes no such transfer')
    expect(out).toContain('reconnect: after disconnect() and connect(), data does not get through both ways')
    expect(out).toContain('lose: declared')
    expect(out).toMatch(/bare: \d+ passed, 0 failed, \d+ not supported\nwrapped: \d+ passed, 0 failed/)
    expect(code).toBe(0)
  })
})
