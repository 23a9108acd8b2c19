// Writes the JSON Schema of `ilp-wrap/plugin` from the configuration's own code: npm run docs:write. With --check it
// only compares. Needs a build.
// @ts-check
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { root, shown } from './lib/files.js'

const file = join(root, 'packages', 'ilp-wrap', 'schema', 'plugin.schema.json')
const { pluginSchema } = await import(join(root, 'packages', 'ilp-wrap', 'dist', 'config', 'schema.js'))
const text = await format(JSON.stringify(pluginSchema()), { ...(await resolveConfig(file)), filepath: file })

if (!process.argv.includes('--check')) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
} else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
  console.log(`${shown(file)} is not what the sources say: npm run docs:write`)
  process.exitCode = 1
}
