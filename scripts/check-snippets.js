// Compiles each ```ts block of the docs as a module of its own, strictly, against the sources of the packages. A block
// that is not meant to compile says why: ```ts ignore: reason
// @ts-check
import { readFileSync } from 'node:fs'
import { pages } from './lib/docs.js'
import { compileSnippets, readSnippets } from './lib/snippets.js'

const files = pages()
const read = files.map((file) => readSnippets(file, readFileSync(file, 'utf8')))
const snippets = read.flatMap(({ snippets }) => snippets)
const problems = [...read.flatMap(({ problems }) => problems), ...compileSnippets(snippets)]

for (const problem of problems) console.log(problem)
console.log(`${snippets.length} snippets of ${files.length} files, ${problems.length} problems`)
if (problems.length > 0) process.exitCode = 1
