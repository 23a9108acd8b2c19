'use strict'

// The layers of DESIGN: core knows no middleware, a middleware knows core alone, the umbrella knows all.
// Sources only; what a test imports is its own business.

const src = '^packages/[^/]+/src/'

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment:
        'A file that needs what needs it is one file, or three. Two that know only the types of each other are well.',
      severity: 'error',
      from: { path: src },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }
    },
    {
      name: 'core-knows-no-package',
      comment: 'The contract stands alone: middleware come and go.',
      severity: 'error',
      from: { path: '^packages/core/src/' },
      to: { path: '^packages/(?!core/)' }
    },
    {
      name: 'middleware-knows-only-core',
      comment: 'Middleware meet in a list that the host writes, never in an import.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/', pathNot: '^packages/(core|ilp-wrap|store-[^/]+)/' },
      to: { path: '^packages/', pathNot: '^packages/($1|core)/' }
    },
    {
      name: 'store-knows-only-types',
      comment: 'A store serves a middleware by its interface; it runs without it.',
      severity: 'error',
      from: { path: '^packages/(store-[^/]+)/src/' },
      to: { path: '^packages/', pathNot: '^packages/($1|core)/', dependencyTypesNot: ['type-only'] }
    },
    {
      name: 'nobody-knows-the-umbrella',
      severity: 'error',
      from: { path: src, pathNot: '^packages/ilp-wrap/' },
      to: { path: '^packages/ilp-wrap/' }
    },
    {
      name: 'packages-by-name',
      comment: 'What a package exports is its edge; a path into another package is none.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/' },
      to: { path: '^packages/', pathNot: '^packages/$1/', dependencyTypes: ['local'] }
    },
    {
      name: 'src-ships-alone',
      comment: 'Tests, scripts and benches are not published.',
      severity: 'error',
      from: { path: src },
      to: { path: '(^|/)(test|scripts|bench|examples)/', pathNot: 'node_modules' }
    },
    {
      name: 'only-declared-dependencies',
      comment: 'What src imports stands in the dependencies of its own package.json.',
      severity: 'error',
      from: { path: src },
      to: { dependencyTypes: ['npm-dev', 'npm-optional', 'npm-no-pkg', 'npm-unknown', 'unknown'] }
    },
    {
      name: 'everything-resolves',
      severity: 'error',
      from: { path: src },
      to: { couldNotResolve: true }
    }
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^packages/[^/]+/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.test.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@ilp-wrap/source', 'node', 'import', 'types', 'default'],
      extensions: ['.ts', '.js', '.d.ts', '.json']
    }
  }
}
