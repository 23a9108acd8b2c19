import { writeFileSync } from 'node:fs'
import cliProgress from 'cli-progress'
import { Command, InvalidArgumentError } from 'commander'
import pc from 'picocolors'
import { FEATURES } from '../check/features.js'
import type { CheckedFeature, Declared } from '../check/features.js'
import { verdictJunit } from '../check/junit.js'
import { verdictText, verdictValue } from '../check/report.js'
import { runCheck } from '../check/run.js'
import type { Verdict } from '../check/run.js'
import { Target } from '../check/target.js'
import type { Output, Terminal } from './terminal.js'

interface CheckFlags {
  options?: string
  peerOptions?: string
  badOptions?: string
  compat?: string
  peerCompat?: string
  export?: string
  supports: readonly CheckedFeature[]
  without: readonly CheckedFeature[]
  skip: Readonly<Record<string, string>>
  timeout: number
  json: boolean
  /** The file, or `true` for none. */
  junit?: string | true
}

const NOTES = `
The plugin is made afresh for each case, and its peer, if there is one, is of the same class. In the options of both,
  {port}  is a free port of loopback, for one end to listen on and the other to connect to, over a link that the suite
          cuts, refuses and leaves unanswered
  {link}  is the same for who connects, where it is not to be found out which end that is
  {rpc}   is the HTTP endpoint of the other end, for plugins of version 1 that have their host receive requests
A plugin of version 1 is run with compat(); wrapped means with wrap(plugin, []) around it.

What a plugin may do or not is tried out, and said with the result:
  ${FEATURES.join(', ')}

Exits with 0 if no case has failed, bare or wrapped.

Examples:
  $ ilp-wrap check ilp-plugin-mirror
  $ ilp-wrap check ./dist/my-plugin.js --export MyPlugin --options '{"url":"http://127.0.0.1:7070"}'
  $ ilp-wrap check ilp-plugin-btp --options '{"listener":{"port":{port},"secret":"x"}}' \\
      --peer-options '{"server":"btp+ws://:x@127.0.0.1:{port}"}'
  $ ilp-wrap check ilp-plugin-btp --options '{"server":"btp+ws://:x@127.0.0.1:{port}","reconnectInterval":10}' \\
      --peer-options '{"listener":{"port":{port},"secret":"x"}}' --junit report.xml
`

export function checkCommand({ out, err }: Terminal, exit: (code: number) => void): Command {
  return new Command('check')
    .description('run the conformance suite over a plugin class, of version 1 or 2, bare and wrapped')
    .argument('<plugin>', 'module of the plugin class: its name, or a path that begins with ./, ../ or /')
    .option('--options <json>', 'what the plugin is made with')
    .option('--peer-options <json>', 'what its peer is made with; without it a plugin is alone, or has its `mirror`')
    .option('--bad-options <json>', 'what a plugin must not be made with')
    .option('--export <name>', 'the export of the module that is the class')
    .option('--compat <json>', 'options of compat(), for a plugin of version 1')
    .option('--peer-compat <json>', 'options of compat() for its peer')
    .option('--supports <features>', 'what it does, separated by commas, whatever trying it out says', features, [])
    .option('--without <features>', 'what it does not do, separated by commas', features, [])
    .option('--skip <case=reason>', 'a clause, or a clause with its title, that is not run; repeatable', skipped, {})
    .option('--timeout <ms>', 'how long a case may take', milliseconds, 10_000)
    .option('--json', 'print the result as JSON', false)
    .option('--junit [file]', 'write a JUnit report to the file, or print it')
    .addHelpText('after', NOTES)
    .action(async (module: string, flags: CheckFlags) => {
      const target = new Target({ ...flags, module })
      const progress = progressOn(err)
      let verdict: Verdict
      try {
        verdict = await runCheck(target, {
          declared: declaredOf(flags),
          skip: flags.skip,
          timeoutMs: flags.timeout,
          onProgress: progress.update
        })
      } finally {
        progress.stop()
      }
      print(module, verdict, flags, out)
      exit(verdict.passed ? 0 : 1)
    })
}

function print(module: string, verdict: Verdict, { json, junit }: CheckFlags, out: Output): void {
  if (typeof junit === 'string') writeFileSync(junit, verdictJunit(module, verdict))
  if (json) out.write(`${JSON.stringify(verdictValue(module, verdict), undefined, 2)}\n`)
  else if (junit === true) out.write(verdictJunit(module, verdict))
  else out.write(verdictText(module, verdict, out.isTTY === true && pc.isColorSupported))
}

function declaredOf({ supports, without }: CheckFlags): Declared {
  return Object.fromEntries([
    ...supports.map((feature) => [feature, true] as const),
    ...without.map((feature) => [feature, false] as const)
  ])
}

interface Progress {
  readonly update: (done: number, of: number) => void
  readonly stop: () => void
}

/** A bar, on a terminal. */
function progressOn(err: Output): Progress {
  if (err.isTTY !== true) return { update: () => undefined, stop: () => undefined }
  const bar = new cliProgress.SingleBar({
    stream: err,
    format: 'checking [{bar}] {value}/{total} cases',
    hideCursor: true,
    clearOnComplete: true
  })
  bar.start(1, 0)
  return {
    update: (done, of) => {
      bar.setTotal(of)
      bar.update(done)
    },
    stop: () => bar.stop()
  }
}

function features(text: string): CheckedFeature[] {
  return text.split(',').map((word) => {
    const feature = FEATURES.find((each) => each === word.trim())
    if (feature === undefined) throw new InvalidArgumentError(`Expected some of ${FEATURES.join(', ')}.`)
    return feature
  })
}

function skipped(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const [, name, reason] = /^(C\d+[^=]*)=(.+)$/s.exec(text) ?? []
  if (name === undefined || reason === undefined) throw new InvalidArgumentError('Expected a clause, = and the reason.')
  return { ...before, [name.trim()]: reason.trim() }
}

function milliseconds(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text))
    throw new InvalidArgumentError('Expected milliseconds, a whole number above zero.')
  return Number(text)
}
