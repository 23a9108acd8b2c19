// Runs `ilp-wrap check` over published plugins, and writes docs/conformance.md of what it says:
// npm run docs:conformance. With --check it only compares. Needs a build.
// @ts-check
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { format, resolveConfig } from 'prettier'
import { root, shown } from './lib/files.js'

/**
 * @typedef {{ status: 'passed' | 'failed' | 'not supported', reason?: string }} Result
 * @typedef {{ clause: string, title: string, bare: Result, wrapped: Result }} Row
 * @typedef {{ passed: number, failed: number, notSupported: number }} Counts
 * @typedef {object} Verdict
 * @property {1 | 2} version
 * @property {Record<'bare' | 'wrapped', Counts>} counts
 * @property {Record<string, { supported: boolean, reason: string }>} features
 * @property {Row[]} cases
 *
 * @typedef {object} Subject
 * @property {string} title
 * @property {string} plugin its package
 * @property {Record<string, object>} options of the command, which are JSON
 * @property {Record<string, string>} [skip] what would come out one way or the other, with the reason
 */

const load = createRequire(import.meta.url)
const page = join(root, 'docs', 'conformance.md')
const forms = /** @type {const} */ (['bare', 'wrapped'])

const btp = {
  client: { server: 'btp+ws://:x@127.0.0.1:{port}', reconnectInterval: 10, responseTimeout: 2000 },
  listener: { listener: { port: '{port}', secret: 'x' }, responseTimeout: 2000 }
}
const btpSkip = {
  'C40 keeps 1000 exchanges at a time apart': 'an answer has 2 s: a matter of the machine',
  'C40 sends in the order of the calls': 'it waits for random bytes before it sends: the order is a matter of luck',
  C66: 'its peer waits for random bytes before it sends: the order is a matter of luck'
}

const prefix = 'test.framework.'
const framework = {
  // with a store it would keep a balance
  client: { server: 'btp+ws://:x@127.0.0.1:{port}', _store: null },
  listener: {
    listener: { port: '{port}' },
    incomingSecret: 'x',
    prefix,
    info: { prefix, currencyCode: 'XRP', currencyScale: 6, connectors: [`${prefix}server`] }
  },
  state: { maxBalance: '1'.padEnd(50, '0'), minBalance: '-1'.padEnd(50, '0') }
}
const frameworkSkip = {
  'C21 disconnect() ends a connect() that is under way':
    'whether its socket is open by then, or throws where nobody catches, is a matter of luck',
  'C40 keeps 1000 exchanges at a time apart': 'an answer has 5 s: a matter of the machine',
  'C40 sends in the order of the calls': 'each message waits for an id: the order is a matter of luck',
  C66: 'each message waits for an id: the order is a matter of luck',
  'C72 leaves no error to nobody, between the cases either': 'as C21'
}

/** @type {Subject[]} */
const subjects = [
  { title: 'ilp-plugin-mirror', plugin: 'ilp-plugin-mirror', options: {} },
  {
    title: 'ilp-plugin-btp, a client',
    plugin: 'ilp-plugin-btp',
    options: { options: btp.client, 'peer-options': btp.listener },
    skip: btpSkip
  },
  {
    title: 'ilp-plugin-btp, a listener',
    plugin: 'ilp-plugin-btp',
    options: { options: btp.listener, 'peer-options': btp.client },
    skip: { ...btpSkip, C73: 'its peer, which goes on trying to connect, has timers of its own' }
  },
  {
    title: 'ilp-plugin-virtual',
    plugin: 'ilp-plugin-virtual',
    options: { options: virtual('alice', 'bob'), 'peer-options': virtual('bob', 'alice') },
    skip: {
      'C40 keeps 1000 exchanges at a time apart': 'each is an HTTP request that has 2 s: a matter of the machine',
      'C40 sends in the order of the calls': 'each is an HTTP request of its own: the order is a matter of luck',
      C66: 'each is an HTTP request of its own: the order is a matter of luck'
    }
  },
  {
    title: 'ilp-plugin-payment-channel-framework, a client of a listener with state',
    plugin: 'ilp-plugin-payment-channel-framework',
    options: {
      options: framework.client,
      'peer-options': { ...framework.listener, ...framework.state },
      'peer-compat': { connector: `${prefix}client` }
    },
    skip: frameworkSkip
  },
  {
    title: 'ilp-plugin-payment-channel-framework, a client of a listener without',
    plugin: 'ilp-plugin-payment-channel-framework',
    options: { options: framework.client, 'peer-options': { ...framework.listener, _store: null } },
    skip: frameworkSkip
  }
]

/**
 * @param {string} own
 * @param {string} peer
 */
function virtual(own, peer) {
  const PluginVirtual = load('ilp-plugin-virtual')
  const peerPublicKey = PluginVirtual.generatePublicKey(peer)
  const currency = { currencyCode: 'USD', currencyScale: 2 }
  const prefix = PluginVirtual.generatePrefix({ secretKey: own, peerPublicKey, ...currency })
  return {
    ...currency,
    secret: own,
    peerPublicKey,
    maxBalance: '1'.padEnd(50, '0'),
    rpcUri: '{rpc}',
    info: { connectors: [`${prefix}${peerPublicKey}`] }
  }
}

/**
 * @param {Subject} subject
 * @returns {string[]}
 */
function argumentsOf({ plugin, options, skip = {} }) {
  // a port is a number
  const json = (/** @type {object} */ value) => JSON.stringify(value).replaceAll('"{port}"', '{port}')
  return [
    plugin,
    ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, json(value)]),
    ...Object.entries(skip).flatMap(([name, reason]) => ['--skip', `${name}=${reason}`])
  ]
}

/**
 * @param {Subject} subject
 * @returns {Promise<Verdict>}
 */
async function run(subject) {
  const bin = join(root, 'packages', 'ilp-wrap', 'dist', 'bin.js')
  const child = spawn(process.execPath, [bin, 'check', ...argumentsOf(subject), '--json'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const output = await text(child.stdout)
  if (output === '') throw new Error(`${subject.title}: no result`)
  return JSON.parse(output)
}

const introduction = `<!-- Made by \`npm run docs:conformance\`, which runs the plugins; edit scripts/conformance-page.js. -->

# Conformance

What \`ilp-wrap check\` says of published plugins: bare, and wrapped with \`wrap(plugin, [])\` and nothing else. Those of version 1 are run with \`compat()\`, also when bare. The clauses are those of RFC 0024 as [@ilp-wrap/testing](../packages/testing/README.md) has them.

✓ passed · ✗ failed · – not supported, as was tried out or declared. The reasons are below the table. Core is transparent: what a plugin fails, it fails wrapped, too, except where core answers in its stead (registering handlers, the timeout of \`connect\`).
`

const marks = { passed: '✓', failed: '✗', 'not supported': '–' }

/** @param {string} reason */
function escaped(reason) {
  const short = reason.length > 200 ? `${reason.slice(0, 200)}…` : reason
  return short.replaceAll(/[\\`*_[\]<>|{}]/g, '\\$&')
}

/** @param {string} plugin */
function release(plugin) {
  return `${plugin}@${JSON.parse(readFileSync(join(root, 'node_modules', plugin, 'package.json'), 'utf8')).version}`
}

/**
 * A line for each reason, with the form it holds for if it is not the same for both.
 * @param {Row} row
 * @param {(result: Result) => boolean} wanted
 */
function lines(row, wanted) {
  const those = forms.filter((form) => wanted(row[form]))
  const reasons = [...new Set(those.map((form) => String(row[form].reason)))]
  return reasons.map((reason) => {
    const same = those.filter((form) => row[form].reason === reason)
    return `- ${row.clause} ${row.title}${same.length === 2 ? '' : `, ${same.join()}`}: ${escaped(reason)}`
  })
}

/**
 * @param {Subject} subject
 * @param {Verdict} verdict
 */
function section(subject, { version, counts, features, cases }) {
  const lacking = Object.entries(features).filter(([, { supported }]) => !supported)
  const sums = forms.map(
    (form) =>
      `${form} ${counts[form].passed} passed, ${counts[form].failed} failed, ${counts[form].notSupported} not supported`
  )
  const failed = cases.flatMap((row) => lines(row, ({ status }) => status === 'failed'))
  const skipped = cases.flatMap((row) =>
    lines(row, ({ status, reason = '' }) => status === 'not supported' && !reason.startsWith('does not support '))
  )
  return [
    `## ${subject.title}`,
    `${release(subject.plugin)}, version ${version} of the interface: ${sums.join('; ')}.`,
    [
      '```sh',
      `ilp-wrap check ${argumentsOf({ ...subject, skip: {} })
        .map(quoted)
        .join(' ')}`,
      '```'
    ].join('\n'),
    'Failed:',
    failed.length === 0 ? 'nothing.' : failed.join('\n'),
    'Not supported:',
    [...lacking.map(([feature, { reason }]) => `- ${feature}: ${escaped(reason)}`), ...skipped].join('\n')
  ].join('\n\n')
}

/** @param {string} word */
function quoted(word) {
  return /^[\w./-]+$/.test(word) ? word : `'${word}'`
}

/** @param {[Subject, Verdict][]} results */
function table(results) {
  const heads = results.map((_, index) => String.fromCharCode(65 + index))
  const [[, first]] = /** @type {[[Subject, Verdict]]} */ (/** @type {unknown} */ (results))
  const rows = first.cases.map(({ clause, title }) => {
    const cells = results.map(([, { cases }]) => {
      const row = cases.find((each) => each.clause === clause && each.title === title)
      return row === undefined ? '' : `${marks[row.bare.status]} ${marks[row.wrapped.status]}`
    })
    return `| ${clause} | ${title} | ${cells.join(' | ')} |`
  })
  return [
    results.map(([{ title }], index) => `${heads[index]}: ${title}`).join('<br>\n'),
    '',
    'The first mark is for bare, the second for wrapped.',
    '',
    `| clause | the plugin | ${heads.join(' | ')} |`,
    `|---|---|${heads.map(() => ':-:|').join('')}`,
    ...rows
  ].join('\n')
}

/** @type {[Subject, Verdict][]} */
const results = []
const waiting = [...subjects.entries()]

/** Most of the time is waiting for what does not come. */
async function drain() {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [index, subject] = next
    results[index] = [subject, await run(subject)]
    console.log(`${subject.title}: done`)
  }
}
await Promise.all([drain(), drain(), drain()])

const made = [introduction, table(results), ...results.map(([subject, verdict]) => section(subject, verdict))]
const written = await format(`${made.join('\n\n')}\n`, { ...(await resolveConfig(page)), filepath: page })

if (!process.argv.includes('--check')) {
  writeFileSync(page, written)
} else if (!existsSync(page) || readFileSync(page, 'utf8') !== written) {
  console.log(`${shown(page)} is not what the plugins do: npm run docs:conformance`)
  process.exitCode = 1
}
