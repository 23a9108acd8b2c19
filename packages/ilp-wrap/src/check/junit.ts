import { failed } from './run.js'
import type { CaseResult, Row, Verdict } from './run.js'
import { countsOf } from './report.js'
import { FORMS } from './subject.js'
import type { Form } from './subject.js'

/** The verdict as the XML that CI systems read: one suite for the plugin as it is, one for it wrapped. */
export function verdictJunit(plugin: string, verdict: Verdict): string {
  const suites = FORMS.map((form) => {
    const { passed, failed, notSupported } = countsOf(verdict, form)
    const tests = passed + failed + notSupported
    const attributes = `name="${escaped(`${plugin} ${form}`)}" tests="${tests}" failures="${failed}" skipped="${notSupported}"`
    return [`  <testsuite ${attributes}>`, ...verdict.rows.map((row) => testCase(plugin, row, form)), '  </testsuite>']
  })
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', ...suites.flat(), '</testsuites>', ''].join('\n')
}

function testCase(plugin: string, row: Row, form: Form): string {
  const attributes = `classname="${escaped(`${plugin} ${form}`)}" name="${escaped(`${row.clause} ${row.title}`)}"`
  const outcome = outcomeOf(row[form])
  return outcome === '' ? `    <testcase ${attributes}/>` : `    <testcase ${attributes}>${outcome}</testcase>`
}

function outcomeOf(result: CaseResult): string {
  if (result.status === 'passed') return ''
  return `<${failed(result) ? 'failure' : 'skipped'} message="${escaped(String(result.reason))}"/>`
}

/** What XML has its own use for, and what it cannot hold. */
function escaped(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}')
    .replaceAll(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`)
}
