import { conformanceCases } from '@ilp-wrap/testing'
import type { ConformanceCase } from '@ilp-wrap/testing'
import { manifestOf } from './features.js'
import type { Declared, Manifest } from './features.js'
import { Strays } from './strays.js'
import { layLink, openSubject } from './subject.js'
import type { Form } from './subject.js'
import type { Target } from './target.js'

export interface CaseResult {
  readonly status: 'passed' | 'failed' | 'not supported'
  /** In what it failed, in one line, or why it was not run. */
  readonly reason?: string
}

/** A sentence of the contract, and what became of it. */
export interface Row extends Readonly<Record<Form, CaseResult>> {
  readonly clause: string
  readonly title: string
}

export interface Verdict {
  readonly version: 1 | 2
  readonly features: Manifest
  readonly rows: readonly Row[]
  /** Whether no case has failed, bare or wrapped. */
  readonly passed: boolean
}

export interface CheckSettings {
  readonly declared: Declared
  /** Cases not to be run, by clause or by clause and title, each with the reason. */
  readonly skip: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Told of each case that is done with. */
  readonly onProgress?: (done: number, of: number) => void
}

/** How long the suite waits for what must not happen: real sockets take their time. */
const QUIET_MS = 30

/** What no case of the suite can see. It is a row where there was such an error. */
const BETWEEN = { clause: 'C72', title: 'leaves no error to nobody, between the cases either' }

/** Runs the suite over the plugin, bare and wrapped. What the plugin is found or declared not to do is not run. */
export async function runCheck(target: Target, settings: CheckSettings): Promise<Verdict> {
  const version = await target.version()
  const strays = new Strays()
  try {
    await strays.aside(() => layLink(target))
    const features = await manifestOf(target, settings.declared)
    const bare = casesOf(target, version, 'bare', features, settings)
    const wrapped = casesOf(target, version, 'wrapped', features, settings)
    const results: CaseResult[] = []
    for (const each of [...bare, ...wrapped]) {
      results.push(await strays.aside(() => resultOf(each, target)))
      settings.onProgress?.(results.length, 2 * bare.length)
    }
    const rows = bare.map(({ clause, title }, i) => ({
      clause,
      title,
      bare: results[i] as CaseResult,
      wrapped: results[i + bare.length] as CaseResult
    }))
    if (strays.seen.length > 0) rows.push(strayRow(strays, target, settings))
    return { version, features, rows, passed: rows.every((row) => !failed(row.bare) && !failed(row.wrapped)) }
  } finally {
    strays.end()
  }
}

function casesOf(
  target: Target,
  version: 1 | 2,
  form: Form,
  features: Manifest,
  { skip, timeoutMs }: CheckSettings
): ConformanceCase[] {
  const cases = Object.fromEntries(Object.entries(skip).filter(([name]) => name !== nameOf(BETWEEN)))
  return conformanceCases(() => openSubject(target, form), {
    supports: Object.fromEntries(Object.entries(features).map(([feature, { supported }]) => [feature, supported])),
    skip: { ...unbuilt(target, version, form), ...cases },
    timeoutMs,
    quietMs: QUIET_MS
  })
}

/** Which cases on the constructor there is nothing to run with. */
function unbuilt(target: Target, version: 1 | 2, form: Form): Record<string, string> {
  const reason =
    version === 1 ? 'its constructor is that of version 1' : form === 'wrapped' ? 'the class itself is not wrapped' : ''
  if (reason !== '') return { C4: reason, C5: reason }
  return target.badOptions === undefined ? { 'C4 is not made of bad options': 'no --bad-options' } : {}
}

async function resultOf({ skip, run }: ConformanceCase, target: Target): Promise<CaseResult> {
  if (skip !== undefined) return { status: 'not supported', reason: skip }
  try {
    await run()
    return { status: 'passed' }
  } catch (error) {
    return { status: 'failed', reason: target.words.of(error) }
  }
}

function strayRow({ seen }: Strays, { words }: Target, { skip }: CheckSettings): Row {
  const left = skip[BETWEEN.clause] ?? skip[nameOf(BETWEEN)]
  const result: CaseResult =
    left === undefined
      ? { status: 'failed', reason: seen.map((error) => words.of(error)).join('; ') }
      : { status: 'not supported', reason: left }
  return { ...BETWEEN, bare: result, wrapped: result }
}

function nameOf({ clause, title }: Pick<Row, 'clause' | 'title'>): string {
  return `${clause} ${title}`
}

export function failed({ status }: CaseResult): boolean {
  return status === 'failed'
}
