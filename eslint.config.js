import js from '@eslint/js'
import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

/** A rule is switched off only with the reason beside it: `// eslint-disable-next-line name -- reason`. */
const disableWithReason = {
  meta: { type: 'suggestion', schema: [], messages: { reason: 'Say why: `eslint-disable… rule -- reason`.' } },
  create(context) {
    return {
      Program() {
        for (const comment of context.sourceCode.getAllComments()) {
          const text = comment.value.trim()
          const directive = /^eslint-disable(-next-line|-line)?\b/.test(text) || /^@ts-expect-error\b/.test(text)
          if (!directive || /\s--\s+\S/.test(text)) continue
          context.report({ loc: comment.loc, messageId: 'reason' })
        }
      }
    }
  }
}

/** What only the umbrella's command may use. */
const surroundings = {
  properties: ['argv', 'argv0', 'execArgv', 'env', 'cwd', 'chdir', 'exit', 'exitCode', 'stdin', 'stdout', 'stderr'].map(
    (property) => ({
      object: 'process',
      property,
      message: 'Only the command of packages/ilp-wrap talks to its process.'
    })
  ),
  modules: [
    'fs',
    'fs/promises',
    'child_process',
    'process',
    'readline',
    'readline/promises',
    'worker_threads',
    'cluster'
  ]
    .flatMap((name) => [name, `node:${name}`])
    .map((name) => ({ name, message: 'Only the command of packages/ilp-wrap reads files, argv and the environment.' }))
}

/** Time is an argument: a middleware takes it from its `clock`. */
const time = {
  globals: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'].map(
    (name) => ({
      name,
      message: 'Take it from `clock`, so that tests move the time.'
    })
  ),
  properties: [
    { object: 'Date', property: 'now', message: 'Use `clock.now()`.' },
    { object: 'performance', property: 'now', message: 'Use `clock.monotonic()`.' }
  ],
  syntax: [{ selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Use `clock.now()`.' }]
}

const defaultExports = { selector: 'ExportDefaultDeclaration', message: 'Export by name.' }

const command = [
  'packages/ilp-wrap/src/bin.ts',
  'packages/ilp-wrap/src/commands/**',
  'packages/ilp-wrap/src/books/store.ts'
]

export default defineConfig(
  { ignores: ['**/dist/', '**/coverage/', 'reports/', 'docs/.vitepress/.temp/'] },
  {
    files: ['**/*.{ts,js,mjs,cjs}'],
    extends: [js.configs.recommended, tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: ['tsconfig.test.json'], tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error', reportUnusedInlineConfigs: 'error' },
    plugins: { local: { rules: { 'disable-with-reason': disableWithReason } } },
    rules: {
      'local/disable-with-reason': 'error',
      eqeqeq: 'error',
      'no-else-return': ['error', { allowElseIf: false }],
      'object-shorthand': 'error',
      'prefer-const': 'error',
      // coverage exceptions are listed in vitest.config.ts, each with its reason, and nowhere else
      'no-warning-comments': [
        'error',
        { terms: ['todo', 'fixme', 'xxx', 'v8 ignore', 'c8 ignore', 'istanbul ignore'] }
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // a number or a bigint in a message prints as itself; what prints as [object Object] stays refused
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `() => timer.close()` says all there is to say
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // errors of plugins and hosts pass by identity, whatever they are
      '@typescript-eslint/only-throw-error': [
        'error',
        { allowRethrowing: true, allowThrowingAny: false, allowThrowingUnknown: true }
      ],
      '@typescript-eslint/prefer-promise-reject-errors': [
        'error',
        { allowThrowingAny: false, allowThrowingUnknown: true }
      ],
      // `_name` is a parameter that a signature asks for and nobody reads
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }]
    }
  },
  {
    files: ['packages/*/src/**', 'packages/ilp-wrap/template/src/**'],
    ignores: command,
    rules: {
      'no-restricted-imports': ['error', { paths: surroundings.modules }],
      'no-restricted-properties': ['error', ...surroundings.properties, ...time.properties],
      'no-restricted-globals': ['error', ...time.globals],
      'no-restricted-syntax': ['error', ...time.syntax, defaultExports],
      'no-console': 'error'
    }
  },
  {
    // where the machine's own time comes in, and the demo, which runs in it
    files: ['packages/core/src/clock.ts', 'packages/ilp-wrap/src/demo/**'],
    rules: {
      'no-restricted-properties': ['error', ...surroundings.properties],
      'no-restricted-globals': 'off',
      'no-restricted-syntax': ['error', defaultExports]
    }
  },
  { files: command, rules: { 'no-restricted-syntax': ['error', defaultExports] } },
  {
    files: ['**/test/**', 'bench/**', 'examples/**'],
    rules: {
      // handlers are async by contract, whether they wait or not
      '@typescript-eslint/require-await': 'off',
      // where a test is wrong about `x!`, it fails, and says so
      '@typescript-eslint/no-non-null-assertion': 'off',
      // plugins and hosts may throw anything, and tests have them do so
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      // a test holds a method to see whether it stays the same one
      '@typescript-eslint/unbound-method': 'off',
      // that a promise gives nothing is a clause of the contract, and is seen by looking at it
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // a double stands in for an instance
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // a handler that does nothing is what many tests need
      '@typescript-eslint/no-empty-function': 'off'
    }
  },
  {
    // plain JavaScript: its types are what JSDoc says, if anything
    files: ['**/*.{js,mjs,cjs}'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: {
      parserOptions: { project: false },
      globals: Object.fromEntries(
        ['process', 'console', 'Buffer', 'URL', 'performance', 'setTimeout', 'clearTimeout', 'setImmediate', 'gc'].map(
          (name) => [name, 'readonly']
        )
      )
    }
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: { module: 'writable', require: 'readonly' } },
    // CommonJS has no other way to import
    rules: { '@typescript-eslint/no-require-imports': 'off' }
  }
)
