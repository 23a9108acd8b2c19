// Writes docs/events.md from what the packages declare: npm run docs:write. With --check it only compares.
// @ts-check
import ts from 'typescript'
import { shown } from './lib/files.js'
import { checker, commentOf, membersOf, packageOf, sources, writePage } from './lib/sources.js'

const introduction = `<!-- Made by \`npm run docs:write\` from the sources; edit those. -->

# Events

What the middleware report through \`events(plugin)\`. Each event has its \`type\`, its \`source\` (the name of the
middleware) and \`at\` (milliseconds since 1970), and the fields below. Amounts are \`bigint\`, in base units.
`

/**
 * When an event is emitted: the comment of its type, as far as it is about this event (`` `name`: … ``), and its own.
 * @param {ts.PropertySignature} event
 * @param {string} name
 */
function meaning(event, name) {
  const own = commentOf(event)
  if (event.type === undefined || !ts.isTypeReferenceNode(event.type)) return own
  const symbol = checker.getSymbolAtLocation(event.type.typeName)
  const imported = symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0
  const type = imported ? checker.getAliasedSymbol(symbol) : symbol
  const text = (type?.declarations ?? []).map(commentOf).join(' ').trim()
  const [general = '', ...parts] = text.split(/`([a-z-]+)`: /)
  const index = parts.indexOf(name)
  const shared = (index === -1 ? general : (parts[index + 1] ?? '')).trim()
  return [shared.charAt(0).toUpperCase() + shared.slice(1), own].filter((text) => text !== '').join(' ')
}

/**
 * A type as the page shows it. The parts of a union are sorted, since the compiler's order hangs on what it saw first.
 * @param {ts.Type} type
 * @param {ts.Node} node
 * @returns {string}
 */
function typeText(type, node) {
  if (type.isUnion() && (type.flags & ts.TypeFlags.Boolean) === 0) {
    const parts = type.types.map((part) => typeText(part, node)).sort()
    return parts
      .filter((part) => part !== 'undefined')
      .concat(parts.filter((part) => part === 'undefined'))
      .join(' | ')
  }
  return checker.typeToString(type, node, ts.TypeFormatFlags.NoTruncation).replaceAll('"', "'")
}

/**
 * The fields of an event that this package gives it: others may add theirs to a type of core.
 * @param {ts.PropertySignature} event
 */
function fieldsOf(event) {
  const homes = ['@ilp-wrap/core', packageOf(event.getSourceFile())]
  return checker.getPropertiesOfType(checker.getTypeAtLocation(event)).flatMap((field) => {
    const declared = (field.declarations ?? []).filter((each) => homes.includes(packageOf(each.getSourceFile())))
    if (declared.length === 0) return []
    const optional = (field.flags & ts.SymbolFlags.Optional) === 0 ? '' : '?'
    const type = typeText(checker.getTypeOfSymbolAtLocation(field, event), event)
    const text = declared.map(commentOf).join(' ').trim()
    return `- \`${field.name}${optional}: ${type}\`${text === '' ? '' : ` — ${text}`}`
  })
}

/** @param {ts.PropertySignature} event */
function section(event) {
  const name = ts.isStringLiteral(event.name) ? event.name.text : event.name.getText()
  const what = meaning(event, name)
  if (what === '') throw new Error(`${shown(event.getSourceFile().fileName)}: say when \`${name}\` is emitted`)
  return `### ${name}\n\n${what}\n\n${fieldsOf(event).join('\n')}\n`
}

const sections = sources.flatMap(({ name, files }) => {
  const events = files.flatMap((file) => membersOf(file, 'PluginEvents'))
  return events.length === 0 ? [] : [`## ${name}\n`, ...events.map(section)]
})
await writePage('events.md', [introduction, ...sections].join('\n'))
