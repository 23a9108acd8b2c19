// @ts-check

/**
 * The part of vitest's JSON report that is read here.
 * @typedef {object} Report
 * @property {boolean} success
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {{ status: string, assertionResults: unknown[] }[]} testResults one for each file
 */

/**
 * One line for all runs. A run that left no report, and a file that failed before it had any test, count as one failure.
 * @param {(Report | undefined)[]} reports
 * @returns {string}
 */
export function summary(reports) {
  let passed = 0
  let failed = 0
  let skipped = 0
  for (const report of reports) {
    if (report === undefined) {
      failed += 1
      continue
    }
    const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0)
    passed += report.numPassedTests
    failed += report.numFailedTests + broken.length
    skipped += report.numPendingTests + report.numTodoTests
  }
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}
