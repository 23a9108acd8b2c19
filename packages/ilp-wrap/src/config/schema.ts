import { catalog } from './catalog.js'
import type { Schema } from './kinds.js'
import { pluginKind } from './plugin.js'

/** The JSON Schema of what `ilp-wrap/plugin` takes; `schema/plugin.schema.json` is this, written out. */
export function pluginSchema(): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Options of ilp-wrap/plugin',
    ...pluginKind.schema,
    definitions: Object.fromEntries([...catalog].map(([name, { options }]) => [name, options.schema]))
  }
}
