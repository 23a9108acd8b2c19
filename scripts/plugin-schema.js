// Writes the JSON Schemas of `ilp-wrap/plugin` and `ilp-wrap relay` from the configuration's own code: npm run docs:write.
// With --check it only compares. Needs a build.
// @ts-check
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { root, shown } from './lib/files.js'

const umbrella = join(root, 'packages', 'ilp-wrap')
const { pluginSchema } = await import(join(umbrella, 'dist', 'config', 'schema.js'))
const { relaySchema } = await import(join(umbrella, 'dist', 'relay', 'config.js'))

for (const [name, schema] of [
  ['plugin', pluginSchema()],
  ['relay', relaySchema()]
]) {
  const file = join(umbrella, 'schema', `${name}.schema.json`)
  const text = await format(JSON.stringify(schema), { ...(await resolveConfig(file)), filepath: file })
  if (!process.argv.includes('--check')) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.log(`${shown(file)} is not what the sources say: npm run docs:write`)
    process.exitCode = 1
  }
}
