import { defineConfig } from 'vitepress'
import { anchor, apiModules, repository, sitePages } from '../../scripts/lib/site.js'

const pages = sitePages()

/** What is to be read first, in this order; other pages follow by name. */
const first = [
  'architecture.md',
  'ordering.md',
  'events.md',
  'errors.md',
  'writing-a-middleware.md',
  'packages/ilp-wrap/index.md',
  'packages/core/index.md'
]

/** @param {{ path: string }} page */
function place({ path }) {
  const index = first.indexOf(path)
  return index === -1 ? first.length : index
}

/** @param {RegExp} pattern of paths */
function items(pattern) {
  return pages
    .filter(({ path }) => pattern.test(path))
    .sort((one, other) => place(one) - place(other))
    .map(({ path, title }) => ({ text: title.replaceAll('`', ''), link: `/${path.replace(/(index)?\.md$/, '')}` }))
}

export default defineConfig({
  title: 'ilp-wrap',
  description: 'Composable middleware for the JavaScript Ledger Plugin Interface, version 2',
  lang: 'en',
  srcDir: 'dist/pages',
  outDir: 'dist/site',
  cacheDir: 'dist/cache',
  markdown: {
    // the anchors that the pages have where the repository is shown
    anchor: { slugify: anchor },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' }
  },
  head: [
    // the theme's own grey is too light to read
    ['style', {}, 'html:root { --vp-code-lang-color: var(--vp-c-text-2) }'],
    // or a browser asks for /favicon.ico, outside of the site's base
    ['link', { rel: 'icon', href: 'data:,' }]
  ],
  router: { prefetchLinks: false },
  // the index of the search is one chunk, fetched when somebody searches
  vite: { build: { chunkSizeWarningLimit: 2000 } },
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/architecture' },
      { text: 'Packages', link: '/packages/ilp-wrap/' },
      { text: 'API', link: '/api/' }
    ],
    sidebar: {
      '/': [
        { text: 'Guide', items: items(/^(?!index\.md|contributing|security|code-of-conduct|packages\/|decisions\/)/) },
        { text: 'Packages', items: items(/^packages\//) },
        { text: 'Decisions', items: items(/^decisions\//) },
        { text: 'Project', items: items(/^(contributing|security|code-of-conduct)/) }
      ],
      '/api/': [{ text: 'API', items: apiModules().map(({ name }) => ({ text: name, link: `/api/${name}` })) }]
    },
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: repository }],
    docFooter: { prev: false, next: false }
  }
})
