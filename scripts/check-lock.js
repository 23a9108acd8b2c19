// The lock file names no registry, so that it holds wherever packages come from.
// @ts-check
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib/files.js'

/** @type {{ packages: Record<string, { resolved?: string, link?: boolean, integrity?: string }> }} */
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
const problems = Object.entries(lock.packages).flatMap(([path, { resolved, link, integrity }]) => {
  if (!path.includes('node_modules/') || link === true) return []
  if (resolved !== undefined) return [`${path} names where it came from: ${resolved}`]
  return integrity === undefined ? [`${path} has no integrity`] : []
})

for (const problem of problems) console.log(problem)
if (problems.length > 0) process.exitCode = 1
