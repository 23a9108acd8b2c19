import Table from 'cli-table3'
import pc from 'picocolors'
import { FEATURES } from './features.js'
import { failed } from './run.js'
import type { CaseResult, Row, Verdict } from './run.js'
import { FORMS } from './subject.js'
import type { Form } from './subject.js'

/** How much of a reason the table shows; the whole is in the JSON and the JUnit report. */
const REASON_LENGTH = 200

/** How many cases came to what. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly notSupported: number
}

export function countsOf({ rows }: Verdict, form: Form): Counts {
  const count = (status: CaseResult['status']): number => rows.filter((row) => row[form].status === status).length
  return { passed: count('passed'), failed: count('failed'), notSupported: count('not supported') }
}

/** The verdict for programs. */
export function verdictValue(plugin: string, verdict: Verdict): object {
  const { version, passed, features, rows } = verdict
  const counts = Object.fromEntries(FORMS.map((form) => [form, countsOf(verdict, form)]))
  return { plugin, version, passed, counts, features, cases: rows }
}

/** The verdict for people: what the plugin does not do, the table, what failed and why, and the sums. */
export function verdictText(plugin: string, verdict: Verdict, colours: boolean): string {
  const paint = pc.createColors(colours)
  const cell = ({ status }: CaseResult): string => {
    if (status === 'passed') return paint.green(status)
    return status === 'failed' ? paint.red(status) : paint.dim(status)
  }
  const table = new Table({
    head: ['clause', 'the plugin', ...FORMS],
    style: { head: [], border: [] },
    colWidths: [8, 66, 15, 15],
    wordWrap: true
  })
  for (const row of verdict.rows) table.push([row.clause, row.title, ...FORMS.map((form) => cell(row[form]))])
  const lacks = FEATURES.filter((feature) => !verdict.features[feature].supported)
  const sections = [
    `${plugin}, a plugin of version ${verdict.version}${verdict.version === 1 ? ', with compat()' : ''}`,
    table.toString(),
    section('Not supported', [
      ...lacks.map((feature) => `${feature}: ${verdict.features[feature].reason}`),
      ...verdict.rows.flatMap(skippedLines)
    ]),
    section(paint.red('Failed'), verdict.rows.flatMap(failedLines)),
    FORMS.map((form) => sum(form, countsOf(verdict, form))).join('\n')
  ]
  return `${sections.filter((each) => each !== '').join('\n\n')}\n`
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : [title, ...lines.map((line) => `  ${line}`)].join('\n')
}

function sum(form: Form, { passed, failed, notSupported }: Counts): string {
  return `${form}: ${passed} passed, ${failed} failed, ${notSupported} not supported`
}

/** What was left out for a reason of its own; what lacks a feature is said with the feature. */
function skippedLines(row: Row): string[] {
  return byReason(row, (result) => result.status === 'not supported' && !isLack(result))
}

function failedLines(row: Row): string[] {
  return byReason(row, failed)
}

/** A line for each reason, with the form it holds for if it is not the same for both. */
function byReason(row: Row, wanted: (result: CaseResult) => boolean): string[] {
  const forms = FORMS.filter((form) => wanted(row[form]))
  const reasons = new Set(forms.map((form) => reasonOf(row[form])))
  return [...reasons].map((reason) => {
    const those = forms.filter((form) => reasonOf(row[form]) === reason)
    return `${row.clause} ${row.title}${those.length === FORMS.length ? '' : ` (${those.join()})`}: ${reason}`
  })
}

/** As `@ilp-wrap/testing` says it of a case that needs what is not supported. */
function isLack({ reason = '' }: CaseResult): boolean {
  return reason.startsWith('does not support ')
}

function reasonOf({ reason = '' }: CaseResult): string {
  return reason.length <= REASON_LENGTH ? reason : `${reason.slice(0, REASON_LENGTH)}…`
}
