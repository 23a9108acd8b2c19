// @ts-check
import { join } from 'node:path'
import ts from 'typescript'
import { Application, ConsoleLogger, LogLevel } from 'typedoc'
import { load } from 'typedoc-plugin-markdown'
import { root } from './files.js'
import { apiModules, repository } from './site.js'

/**
 * An event that several packages emit is declared by each of them, with a comment of its own, and core's map of events
 * is all of these together. Any of the comments will do there; docs/events.md has them all.
 */
const declaredByMany =
  / (packet-rejected|late-fulfill|packet-delayed|retryAfterMs) has multiple declarations with a comment/

class Logger extends ConsoleLogger {
  /** @param {string} message @param {Exclude<LogLevel, LogLevel.None>} level @override */
  log(message, level) {
    if (level >= LogLevel.Warn && !declaredByMany.test(message)) super.log(message, level)
  }
}

/**
 * Writes a page for each module that users import. All of them are read as one program: a program for each package,
 * which is what typedoc does with packages by itself, takes ten times as long.
 * @param {string} out
 */
export async function writeApiPages(out) {
  const modules = apiModules()
  const tsconfig = join(root, 'tsconfig.test.json')
  const options = {
    name: 'API',
    plugin: [load],
    entryPoints: modules.map(({ file }) => file),
    tsconfig,
    basePath: root,
    displayBasePath: root,
    readme: 'none',
    excludeExternals: true,
    disableGit: true,
    gitRevision: 'main',
    sourceLinkTemplate: `${repository}/blob/{gitRevision}/{path}#L{line}`,
    validation: { notExported: true, invalidLink: true, notDocumented: false },
    out,
    // of the markdown plugin
    entryFileName: 'index',
    outputFileStrategy: 'modules',
    hideBreadcrumbs: true,
    hidePageHeader: true,
    parametersFormat: /** @type {const} */ ('table'),
    interfacePropertiesFormat: /** @type {const} */ ('table'),
    classPropertiesFormat: /** @type {const} */ ('table'),
    typeDeclarationFormat: /** @type {const} */ ('table'),
    propertyMembersFormat: /** @type {const} */ ('table')
  }
  const app = await Application.bootstrapWithPlugins(options)
  app.logger = new Logger()
  const config = ts.getParsedCommandLineOfConfigFile(tsconfig, undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
      throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'))
    }
  })
  const program = ts.createProgram({ rootNames: options.entryPoints, options: config?.options ?? {} })
  const entryPoints = modules.map(({ name, file }) => {
    const sourceFile = program.getSourceFile(file)
    if (sourceFile === undefined) throw new Error(`${file} cannot be read`)
    return { displayName: name, program, sourceFile }
  })
  await app.initializeRepositories(entryPoints)
  const project = app.converter.convert(entryPoints)
  app.validate(project)
  await app.generateOutputs(project)
  const { errorCount, warningCount } = app.logger
  if (errorCount + warningCount > 0) throw new Error(`typedoc: ${errorCount} errors, ${warningCount} warnings`)
}
