import { describe, expect, it } from 'vitest'
import { summary } from '../../scripts/lib/summary.js'

function report(passed: number, failed: number, pending: number, todo: number) {
  return {
    success: failed === 0,
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: pending,
    numTodoTests: todo,
    testResults: [{ status: failed === 0 ? 'passed' : 'failed', assertionResults: [{}] }]
  }
}

describe('the last line of CI', () => {
  it('is the sum of all runs', () => {
    expect(summary([report(3, 1, 2, 0), report(4, 0, 0, 1)])).toBe('7 passed, 1 failed, 3 skipped')
  })

  it('counts a file that failed before it had a test, and a run that left no report', () => {
    const broken = { ...report(3, 0, 0, 0), testResults: [{ status: 'failed', assertionResults: [] }] }
    expect(summary([broken, undefined])).toBe('3 passed, 2 failed, 0 skipped')
  })
})
