// Writes docs/events.md from what the packages declare: npm run docs:write. With --check it only compares.
// @ts-check
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import ts from 'typescript'
import { filesUnder, packages, root, shown } from './lib/files.js'

const page = join(root, 'docs', 'events.md')

const introduction = `<!-- Made by \`npm run docs:write\` from the sources; edit those. -->

# Events

What the middleware report through \`events(plugin)\`. Each event has its \`type\`, its \`source\` (the name of the
middleware) and \`at\` (milliseconds since 1970), and the fields below. Amounts are \`bigint\`, in base units.
`

const config = ts.getParsedCommandLineOfConfigFile(join(root, 'tsconfig.test.json'), undefined, {
  ...ts.sys,
  onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
    throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'))
  }
})
const sources = packages().map(({ directory, manifest }) => ({
  name: manifest.name,
  files: filesUnder(join(directory, 'src'), '.ts')
}))
const program = ts.createProgram({ rootNames: sources.flatMap(({ files }) => files), options: config?.options ?? {} })
const checker = program.getTypeChecker()

/**
 * The members that a file adds to core's map of events.
 * @param {string} file
 * @returns {ts.PropertySignature[]}
 */
function eventsIn(file) {
  return (program.getSourceFile(file)?.statements ?? []).flatMap((statement) => {
    if (!ts.isModuleDeclaration(statement) || statement.name.text !== '@ilp-wrap/core') return []
    if (statement.body === undefined || !ts.isModuleBlock(statement.body)) return []
    return statement.body.statements.flatMap((inner) =>
      ts.isInterfaceDeclaration(inner) && inner.name.text === 'PluginEvents'
        ? inner.members.filter(ts.isPropertySignature)
        : []
    )
  })
}

/** @param {ts.Symbol | undefined} symbol */
function comment(symbol) {
  return ts.displayPartsToString(symbol?.getDocumentationComment(checker)).replaceAll(/\s+/g, ' ').trim()
}

/**
 * When an event is emitted: the comment of its type, as far as it is about this event (`` `name`: … ``), and its own.
 * @param {ts.PropertySignature} event
 * @param {string} name
 */
function meaning(event, name) {
  const own = comment(checker.getSymbolAtLocation(event.name))
  if (event.type === undefined || !ts.isTypeReferenceNode(event.type)) return own
  const symbol = checker.getSymbolAtLocation(event.type.typeName)
  const imported = symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0
  const [general = '', ...parts] = comment(imported ? checker.getAliasedSymbol(symbol) : symbol).split(/`([a-z-]+)`: /)
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

/** @param {ts.PropertySignature} event */
function section(event) {
  const name = ts.isStringLiteral(event.name) ? event.name.text : event.name.getText()
  const what = meaning(event, name)
  if (what === '') throw new Error(`${shown(event.getSourceFile().fileName)}: say when \`${name}\` is emitted`)
  const fields = checker.getPropertiesOfType(checker.getTypeAtLocation(event)).map((field) => {
    const optional = (field.flags & ts.SymbolFlags.Optional) === 0 ? '' : '?'
    const type = typeText(checker.getTypeOfSymbolAtLocation(field, event), event)
    const text = comment(field)
    return `- \`${field.name}${optional}: ${type}\`${text === '' ? '' : ` — ${text}`}`
  })
  return `### ${name}\n\n${what}\n\n${fields.join('\n')}\n`
}

const sections = sources.flatMap(({ name, files }) => {
  const events = files.flatMap(eventsIn)
  return events.length === 0 ? [] : [`## ${name}\n`, ...events.map(section)]
})
const text = await format([introduction, ...sections].join('\n'), { ...(await resolveConfig(page)), filepath: page })

if (!process.argv.includes('--check')) {
  writeFileSync(page, text)
} else if (!existsSync(page) || readFileSync(page, 'utf8') !== text) {
  console.log(`${shown(page)} is not what the sources say; run \`npm run docs:write\``)
  process.exitCode = 1
}
