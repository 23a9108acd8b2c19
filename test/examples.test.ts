import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const folder = new URL('../examples/', import.meta.url)
const run = promisify(execFile)

/** What an example must print, by file; each example has an entry. */
const prints: Record<string, string[]> = {
  'ilp-connector.js': ['before.json', 'after.json'].flatMap((file) => [
    `${file}: 501 from alice to bob: F08`,
    `${file}: 400 from alice to bob: fulfilled`,
    `${file}: 300 from alice to bob: fulfilled`,
    `${file}: 200 from alice to bob: T04`,
    `${file}: settled with bob: 700`
  ]),
  'quickstart.js': [
    '100 units: fulfilled',
    'sender: balance packet-rejected',
    '100 units: rejected with T04',
    'the sender owes 200n',
    'the receiver is owed 200n'
  ]
}

it.each(readdirSync(folder).filter((name) => name.endsWith('.js')))('runs the example %s', async (name) => {
  const { stdout, stderr } = await run(process.execPath, [fileURLToPath(new URL(name, folder))])
  expect(stderr).toBe('')
  expect(prints[name]).toBeDefined()
  for (const line of prints[name] ?? []) expect(stdout).toContain(line)
})
