import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../../scripts/lib/files.js'
import { compileSnippets, readSnippets } from '../../scripts/lib/snippets.js'

const file = join(root, 'docs', 'page.md')

function problems(...lines: string[]): string[] {
  const { snippets, problems: found } = readSnippets(file, lines.join('\n'))
  return [...found, ...compileSnippets(snippets)]
}

describe('the snippets of the docs', { timeout: 60_000 }, () => {
  it('compile against the sources, each as a module of its own', () => {
    const block = ['```ts', `import { wrap } from '@ilp-wrap/core'`, 'const a: typeof wrap = wrap', 'await a', '```']
    expect(problems('# Page', ...block, 'and', ...block)).toEqual([])
  })

  it('tell an error by the line of the markdown', () => {
    expect(problems('# Page', '', '```ts', 'const a = 1', `  const b: string = a`, '```')).toEqual([
      `docs/page.md:5:9: TS2322: Type 'number' is not assignable to type 'string'.`
    ])
  })

  it('are strict', () => {
    expect(
      problems('```ts', 'function f(a) { return a }', 'const b = [1, 2]', 'const c: number = b[0]', '```')
    ).toEqual([
      `docs/page.md:2:12: TS7006: Parameter 'a' implicitly has an 'any' type.`,
      `docs/page.md:4:7: TS2322: Type 'number | undefined' is not assignable to type 'number'.\n    Type 'undefined' is not assignable to type 'number'.`
    ])
  })

  it('may be left out only with a reason', () => {
    expect(problems('```ts ignore: the old interface, which no package here has', 'nonsense(', '```')).toEqual([])
    expect(problems('```ts ignore', 'nonsense(', '```')).toHaveLength(1)
    expect(problems('```js', 'nonsense(', '```')).toHaveLength(1)
  })

  it('are only those that are fenced as code', () => {
    expect(
      problems('```sh', 'npm ci', '```', '````md', '```ts', 'nonsense(', '```', '````', '```', 'a -> b', '```')
    ).toEqual([])
    expect(problems('```ts', 'const a = 1')).toEqual(['docs/page.md:1: this block is not closed'])
  })
})
