import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

/**
 * ilp-connector 23 on `ilp-wrap/plugin`, which it loads by name and makes from JSON alone. It runs in a process of its
 * own, on what was built, as a connector does.
 */
async function run<T>(scenario: string): Promise<T> {
  const script = fileURLToPath(new URL('children/connector.js', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [script, scenario], { timeout: 120_000 })
  return JSON.parse(stdout) as T
}

/** A balance, and what is held beside it. */
type Books = readonly [committed: string, held: string]

it(
  'three accounts, over BTP, in process and of version 1, forward to each other, and its admin API tells of them',
  { timeout: 120_000 },
  async () => {
    interface Report {
      answers: Record<string, number>
      books: Record<string, Books>
      accounts: { accounts: Record<string, { connected: boolean; adminInfo: boolean; info: { plugin: string } }> }
      posted: object
      info: object
    }
    const { answers, books, accounts, posted, info } = await run<Report>('forwarding')
    expect(answers).toEqual({
      'btp to mirror': 13,
      'btp to v1': 13,
      'mirror to btp': 13,
      'mirror to v1': 13,
      'v1 to btp': 13,
      'v1 to mirror': 13
    })
    // in the same order 1, 2, 4, 8, 16 and 32 units
    expect(books).toEqual({ btp: ['-17', '0'], mirror: ['-21', '0'], v1: ['38', '0'] })
    const mirror = accounts.accounts['mirror']?.info.plugin
    expect(mirror).toMatch(/^\/.+plugin\.js$/)
    expect(accounts.accounts).toMatchObject({
      btp: { connected: true, adminInfo: false, info: { plugin: 'ilp-wrap/plugin' } },
      mirror: { connected: true, adminInfo: true },
      v1: { connected: true, adminInfo: false, info: { plugin: 'ilp-wrap/plugin' } }
    })
    // the methods of the inner plugin
    expect(posted).toEqual({ account: 'mirror', plugin: mirror, result: { taken: true } })
    expect(info).toEqual({ account: 'mirror', plugin: mirror, info: { note: 'seen' } })
    // what the accounts' plugins are configured with
    expect(JSON.stringify({ accounts, posted, info })).not.toContain('canary')
  }
)

it(
  'a STREAM payment of 1,000,000 units crosses it whole, although the side of BTP dies on the way and comes back',
  { timeout: 120_000 },
  async () => {
    interface Report {
      delivered: string
      received: string
      books: Record<string, Books>
      peer: Books
      heard: string[]
      seen: Record<string, number>
    }
    const { delivered, received, books, peer, heard, seen } = await run<Report>('payment')
    expect([delivered, received]).toEqual(['1000000', '1000000'])
    expect(books).toEqual({ btp: ['-1000000', '0'], mirror: ['1000000', '0'], v1: ['0', '0'] })
    expect(peer).toEqual(['1000000', '0'])
    // the account was gone, packets waited for it, and the connector never knew
    expect(seen).toMatchObject({ 'disconnect-held': 1, 'disconnect-spared': 1 })
    expect(seen['packet-delayed']).toBeGreaterThan(0)
    expect(heard).toEqual([])
  }
)

describe('what a limit refuses', () => {
  interface Answer {
    code: string
    data: string
  }
  type Report = Record<string, { own: Answer; ours: Answer }>

  it('is refused with the code and the data of ilp-connector’s own middleware', { timeout: 120_000 }, async () => {
    const report = await run<Report>('limits')
    const {
      'more than can ever pass': never,
      'more than we may owe': owed,
      'an internal error': internal,
      'a packet that has expired': expired,
      ...same
    } = report
    const codes = Object.fromEntries(Object.entries(same).map(([name, { ours }]) => [name, ours.code]))
    expect(codes).toEqual({
      'too many packets': 'T05',
      'too large a packet': 'F08',
      'too much from an account per time': 'T04',
      'too much to an account per time': 'T04',
      'more than the peer may owe': 'T04',
      'a wrong fulfillment': 'F05',
      'no answer before the expiry': 'R00',
      'too short a time': 'R02',
      'no route': 'F02',
      'a reject of the peer': 'F99',
      'a peer that throws': 'F02'
    })
    for (const [name, { own, ours }] of Object.entries(same)) expect([name, ours]).toEqual([name, own])

    // T04 would have the sender try for ever; F08 tells it what may pass: 11 were sent, 10 may
    expect(never?.own).toEqual({ code: 'T04', data: '' })
    expect(never?.ours).toEqual({ code: 'F08', data: '000000000000000b000000000000000a' })
    // its router has one code for what is too late and what will be
    expect([expired?.own.code, expired?.ours.code]).toEqual(['R02', 'R00'])
    // what failed on the way may pass later
    expect([internal?.own.code, internal?.ours.code]).toEqual(['F00', 'T00'])
    // such an internal error, too: it refuses once the peer has fulfilled, and so was paid
    expect([owed?.own.code, owed?.ours.code]).toEqual(['F00', 'T04'])
  })
})

it('the page for those who come from ilp-connector shows the configurations that the example runs', () => {
  const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
  const page = read('docs/from-ilp-connector.md')
  for (const file of ['before.json', 'after.json']) {
    expect(page).toContain(`\`\`\`json\n${read(`examples/ilp-connector/${file}`)}\`\`\``)
  }
})
