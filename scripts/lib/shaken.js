// @ts-check
import { builtinModules, createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

// the one that size-limit measures with
const { build } = createRequire(fileURLToPath(import.meta.resolve('@size-limit/esbuild')))('esbuild')

/**
 * The files of which something is left in a bundle of this module, with slashes, as they are named from `directory`.
 * @param {string} contents of the module
 * @param {string} directory that it is resolved from
 * @returns {Promise<string[]>}
 */
export async function leftInBundle(contents, directory) {
  const { metafile } = await build({
    stdin: { contents, resolveDir: directory },
    absWorkingDir: directory,
    bundle: true,
    minify: true,
    format: 'esm',
    metafile: true,
    write: false,
    external: [...builtinModules, 'node:*'],
    logLevel: 'silent'
  })
  /** @type {{ inputs: Record<string, { bytesInOutput: number }> }[]} */
  const outputs = Object.values(metafile.outputs)
  return outputs.flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : []))
  )
}
