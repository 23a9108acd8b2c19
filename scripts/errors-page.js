// Writes docs/errors.md from what the packages declare and make: npm run docs:write. With --check it only compares.
// @ts-check
import ts from 'typescript'
import { shown } from './lib/files.js'
import { checker, commentOf, membersOf, nodesIn, sources, writePage } from './lib/sources.js'

const introduction = `<!-- Made by \`npm run docs:write\` from the sources; edit those. -->

# Errors and reject codes

Errors of the plugin interface have the names of RFC 0024 (\`InvalidFieldsError\`, \`NotAcceptedError\`,
\`UnreachableError\` …). Those that a connector turns into a reject packet have an \`ilpErrorCode\`. Those below are this
project's own and have a stable \`code\`, of the type \`ErrorCode\`: compare codes, never messages.

Errors of a plugin or of a host are never wrapped or changed on their way.
`

/** What RFC 0027 ("Error Codes") calls those that are made here. */
const NAMES = {
  F00: 'Bad Request',
  F01: 'Invalid Packet',
  F02: 'Unreachable',
  F05: 'Wrong Condition',
  F08: 'Amount Too Large',
  R00: 'Transfer Timed Out',
  R02: 'Insufficient Timeout',
  T00: 'Internal Error',
  T01: 'Peer Unreachable',
  T03: 'Connector Busy',
  T04: 'Insufficient Liquidity',
  T05: 'Rate Limited'
}

const rejects = `## Reject codes

What the middleware answer a prepare with (RFC 0027, "ILP Reject"), by the code, with the message and who gives it. A
reject of the peer or of the host passes as it is. \`error-to-reject\` gives an error's own \`ilpErrorCode\`, else T00, and
none of its message. What each means for a sender: F is final, T may pass later, R is relative to the expiry.
`

const made = sources.filter(({ name }) => name !== '@ilp-wrap/testing')

const nodes = made.flatMap(({ name, files }) =>
  files.flatMap((file) => [...nodesIn(file)]).map((node) => ({ name, node }))
)

/**
 * Which packages use each code.
 * @type {Map<string, Set<string>>}
 */
const users = new Map()
for (const { name, node } of nodes) {
  const text = ts.isStringLiteralLike(node) || ts.isTemplateHead(node) ? node.text : ''
  const [code] = /^ILP_WRAP_[A-Z0-9_]+/.exec(text) ?? []
  if (code !== undefined) users.set(code, (users.get(code) ?? new Set()).add(name))
}

/** @param {Iterable<string>} names */
function listed(names) {
  return [...names].map((name) => `\`${name.replace('@ilp-wrap/', '')}\``).join(', ')
}

/** @param {ts.PropertySignature} member */
function section(member) {
  const code = member.name.getText()
  const text = commentOf(member).replaceAll(/docs\/([a-z0-9-]+\.md)/g, '[$1]($1)')
  const by = users.get(code)
  const at = `${shown(member.getSourceFile().fileName)}: ${code}`
  if (text === '') throw new Error(`${at}: say when it is thrown`)
  if (by === undefined) throw new Error(`${at}: no error has this code`)
  const error = member.type?.getText()
  const kind = error === undefined || error === 'never' ? '' : `\`${error}\` · `
  return `### ${code}\n\n${kind}${listed(by)}\n\n${text}\n`
}

/**
 * What each function is called with.
 * @type {Map<ts.Node | undefined, readonly ts.Expression[][]>}
 */
const calls = new Map()
for (const { node } of nodes) {
  if (!ts.isCallExpression(node)) continue
  const called = checker.getResolvedSignature(node)?.declaration
  calls.set(called, [...(calls.get(called) ?? []), [...node.arguments]])
}

/**
 * The texts that an expression may stand for, with … for what is not known before.
 * @param {ts.Node | undefined} node
 * @returns {string[]}
 */
function textsOf(node) {
  if (node === undefined) return []
  if (ts.isStringLiteralLike(node)) return [node.text]
  if (ts.isTemplateExpression(node)) {
    return [[node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join('…')]
  }
  const symbol = ts.isShorthandPropertyAssignment(node.parent)
    ? checker.getShorthandAssignmentValueSymbol(node.parent)
    : checker.getSymbolAtLocation(node)
  const declaration = symbol?.valueDeclaration
  if (declaration === undefined) return []
  if (ts.isVariableDeclaration(declaration)) return textsOf(declaration.initializer)
  if (!ts.isParameter(declaration)) return []
  const index = declaration.parent.parameters.indexOf(declaration)
  return (calls.get(declaration.parent) ?? []).flatMap((given) => textsOf(given[index]))
}

/**
 * The codes and messages of rejects that are made of these fields or arguments.
 * @param {ts.Node} node
 * @returns {[code: string, message: string][]}
 */
function pairsIn(node) {
  if (ts.isObjectLiteralExpression(node)) {
    const [codes = [], messages = []] = ['code', 'message'].map((name) => {
      const field = node.properties.find((each) => each.name?.getText() === name)
      return textsOf(field !== undefined && ts.isPropertyAssignment(field) ? field.initializer : field?.name)
    })
    // of several, it is the arguments below that belong together
    return codes.length === 1 ? messages.map((message) => [String(codes[0]), message]) : []
  }
  if (!ts.isCallExpression(node)) return []
  return node.arguments.flatMap((argument, i) => {
    const [next] = node.arguments.slice(i + 1)
    return next !== undefined && ts.isStringLiteral(argument) && ts.isStringLiteral(next)
      ? [/** @type {[string, string]} */ ([argument.text, next.text])]
      : []
  })
}

const CODE = /^[FTR][0-9]{2}$/

/** @type {Map<string, Map<string, Set<string>>>} code, message, packages */
const answers = new Map()
for (const { name, node } of nodes) {
  for (const [code, message] of pairsIn(node)) {
    // one that only shows whether its address will do has no message
    if (!CODE.test(code) || CODE.test(message) || message === '') continue
    const messages = answers.get(code) ?? new Map()
    answers.set(code, messages)
    messages.set(message, (messages.get(message) ?? new Set()).add(name))
  }
}

const rows = [...answers].sort().flatMap(([code, messages]) => {
  const called = /** @type {Record<string, string>} */ (NAMES)[code]
  if (called === undefined) throw new Error(`scripts/errors-page.js: what does RFC 0027 call ${code}?`)
  return [...messages].map(([message, by]) => `| ${code} ${called} | ${message} | ${listed(by)} |`)
})

const sections = sources.flatMap(({ name, files }) => {
  const codes = files.flatMap((file) => membersOf(file, 'ErrorCodes'))
  return codes.length === 0 ? [] : [`## ${name}\n`, ...codes.map(section)]
})
await writePage(
  'errors.md',
  [introduction, ...sections, rejects, '| Code | Message | Given by |\n| --- | --- | --- |', ...rows].join('\n')
)
