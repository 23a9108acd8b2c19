// Prints `N passed, N failed, N skipped`, summed over the JSON reports of vitest that the arguments name.
// @ts-check
import { existsSync, readFileSync } from 'node:fs'
import { summary } from './lib/summary.js'

const reports = process.argv
  .slice(2)
  .map((file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined))
console.log(summary(reports))
