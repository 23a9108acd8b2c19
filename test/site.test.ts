import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// The site as a reader sees it. It is built once, and each page is opened once, in the browser that Debian has.

const browserPath = '/usr/bin/chromium'
const quiet = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
]
const root = fileURLToPath(new URL('..', import.meta.url))
const site = join(root, 'docs', 'dist', 'site')
const axe = fileURLToPath(import.meta.resolve('axe-core/axe.min.js'))
/** Not the root of the host, so that what forgets the base is found out. */
const base = '/ilp-wrap/'
const desktop = { width: 1280, height: 800 }
const phone = { width: 390, height: 844 }

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.json': 'application/json'
}

function serve(): Promise<Server> {
  const server = createServer(({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost')
    const path = join(site, decodeURIComponent(pathname.replace(base, '/')))
    const file = path.endsWith('/') ? join(path, 'index.html') : path
    if (!pathname.startsWith(base) || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, {
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      // the names of the files change with what is in them
      'cache-control': pathname.startsWith(`${base}assets/`) ? 'max-age=3600' : 'no-store'
    })
    response.end(readFileSync(file))
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

/** Elements of the page that reach past its right edge and are in no box that scrolls by itself. */
const tooWide = `
  [...document.querySelectorAll('body *')]
    .filter((element) => element.getBoundingClientRect().right > innerWidth + 1 && element.checkVisibility())
    .filter((element) => {
      for (let box = element; box !== null; box = box.parentElement) {
        const { overflowX, position } = getComputedStyle(box)
        if (overflowX !== 'visible' || position === 'fixed') return false
      }
      return true
    })
    .map((element) => element.outerHTML.slice(0, 200))`

/** What a page has once its script has taken it over. */
const content = `
  new Promise((resolve) => {
    const timer = setInterval(() => {
      if (document.querySelector('#app').__vue_app__ === undefined) return
      clearInterval(timer)
      resolve({
        links: [...document.querySelectorAll('a[href]')].map(({ href }) => href),
        anchors: [...document.querySelectorAll('[id]')].map(({ id }) => id),
        tooWide: ${tooWide}
      })
    }, 5)
  })`

interface Seen {
  links: string[]
  anchors: string[]
  tooWide: { desktop: string[]; phone: string[] }
}

async function look(page: Page, url: string): Promise<Seen> {
  await page.setViewportSize(desktop)
  await page.goto(url)
  const seen = await page.evaluate<{ links: string[]; anchors: string[]; tooWide: string[] }>(content)
  await page.setViewportSize(phone)
  return { ...seen, tooWide: { desktop: seen.tooWide, phone: await page.evaluate<string[]>(tooWide) } }
}

describe.skipIf(!existsSync(browserPath))('the site', () => {
  let server: Server
  let browser: Browser
  let home: string
  const seen = new Map<string, Seen>()
  const complaints: string[] = []
  const requested = new Set<string>()

  async function open(): Promise<Page> {
    const page = await browser.newPage()
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        complaints.push(`${page.url()}: ${message.text()}`)
    })
    page.on('pageerror', (error) => complaints.push(`${page.url()}: ${String(error)}`))
    page.on('requestfailed', (request) => complaints.push(`${page.url()}: ${request.url()} failed`))
    page.on('request', (request) => requested.add(request.url()))
    return page
  }

  beforeAll(async () => {
    await promisify(execFile)(process.execPath, [join(root, 'scripts', 'docs-site.js'), '--base', base])
    server = await serve()
    home = `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`
    browser = await chromium.launch({ executablePath: browserPath, args: quiet })
    const urls = readdirSync(site, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.html') && file !== '404.html')
      .map((file) => new URL(file.replace(/(^|\/)index\.html$/, '$1'), home).href)
    const page = await open()
    for (const url of urls) seen.set(url, await look(page, url))
  }, 600_000)

  afterAll(async () => {
    await browser.close()
    server.close()
  })

  it('has a page for each page of the docs and each package', () => {
    const files = [
      ...readdirSync(join(root, 'docs')).filter((file) => file.endsWith('.md')),
      ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/`),
      ...readdirSync(join(root, 'packages')).map((name) => `api/${name === 'ilp-wrap' ? name : `@ilp-wrap/${name}`}.md`)
    ]
    const missing = files.filter((file) => !seen.has(new URL(file.replace(/\.md$/, '.html'), home).href))
    expect(missing).toEqual([])
  })

  it('leads to pages and headings that exist', () => {
    const dead = [...seen].flatMap(([url, { links }]) =>
      links
        .filter((link) => link.startsWith(home))
        .filter((link) => {
          const [page = '', anchor = ''] = link.split('#')
          const target = seen.get(page)
          return target === undefined || (anchor !== '' && !target.anchors.includes(decodeURIComponent(anchor)))
        })
        .map((link) => `${url}: ${link}`)
    )
    expect(dead).toEqual([])
  })

  it('leads elsewhere by https only', () => {
    const links = [...seen.values()].flatMap((page) => page.links).filter((link) => !link.startsWith(home))
    expect(links.filter((link) => !link.startsWith('https://'))).toEqual([])
  })

  it('asks no other host for anything', () => {
    expect(requested.size).toBeGreaterThan(seen.size)
    expect([...requested].filter((url) => !url.startsWith(home) && !url.startsWith('data:'))).toEqual([])
  })

  it('is opened without a complaint on the console', () => {
    expect(complaints).toEqual([])
  })

  it.each(['desktop', 'phone'] as const)('fits the width of a %s', (device) => {
    const wide = [...seen].flatMap(([url, page]) => page.tooWide[device].map((element) => `${url}: ${element}`))
    expect(wide).toEqual([])
  })

  // one page of each kind: axe takes ten seconds for a long one
  it.each(['packages/retry/', 'api/@ilp-wrap/expire.html'])(
    'keeps no one out: axe finds nothing serious in /%s',
    async (path) => {
      const page = await open()
      await page.goto(new URL(path, home).href)
      await page.addScriptTag({ path: axe })
      const violations = await page.evaluate<string[]>(`
        // the name of VitePress's button for searching does not have the key that is shown on it
        axe.run({ rules: { 'label-content-name-mismatch': { enabled: false } } }).then(({ violations }) =>
          violations
            .filter(({ impact }) => impact === 'serious' || impact === 'critical')
            .flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html.slice(0, 200))))`)
      expect(violations).toEqual([])
    }
  )

  it('is searched without a server', async () => {
    const page = await open()
    await page.goto(home)
    await page.getByRole('button', { name: 'Search' }).click()
    await page.locator('#localsearch-input').fill('fulfillment')
    const result = page.locator('.VPLocalSearchBox .result').first()
    await result.click()
    await page.waitForURL((url) => url.href !== home)
    expect((await page.textContent('main'))?.toLowerCase()).toContain('fulfillment')
  })

  it('has its pages in a menu on a phone', async () => {
    const page = await open()
    await page.setViewportSize(phone)
    await page.goto(new URL('ordering.html', home).href)
    await page.getByRole('button', { name: 'Menu' }).click()
    await page.locator('#VPSidebarNav').getByRole('link', { name: 'Architecture' }).click()
    await page.waitForURL(/architecture/)
    expect(await page.textContent('h1')).toContain('Architecture')
  })
})
