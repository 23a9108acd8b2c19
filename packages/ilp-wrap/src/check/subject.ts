import { once } from 'node:events'
import { createServer } from 'node:net'
import { compat } from '@ilp-wrap/compat'
import { isPluginV1, isPluginV2, systemClock, wrap } from '@ilp-wrap/core'
import type { Context, PluginV1, PluginV2 } from '@ilp-wrap/core'
import type { Build, Subject } from '@ilp-wrap/testing'
import { Places } from './places.js'
import type { End } from './places.js'
import type { Target } from './target.js'
import { resultWithin } from './within.js'

/** As it is, with `compat` if it is of version 1; or that with `wrap(plugin, [])` around it. */
export const FORMS = ['bare', 'wrapped'] as const

export type Form = (typeof FORMS)[number]

/** How long the peer gets to listen or to connect before the plugin connects. One that waits for it takes longer. */
const PEER_MS = 50

/** How long it gets to listen where it is not known yet which end does so. */
const LISTEN_MS = 500

/** How long it gets to disconnect. */
const CLEANUP_MS = 1000

/** A fresh plugin and its peer, ready for one case of the suite. */
export async function openSubject(target: Target, form: Form): Promise<Subject> {
  const places = await Places.open(target.texts)
  for (const [number, placeholder] of places.numbers) target.words.number(number, placeholder)
  try {
    const raw = target.make('plugin', places)
    const plugin = asV2(target, 'plugin', raw)
    const peer = peerOf(target, places, raw)
    if (peer !== undefined) await resultWithin(PEER_MS, () => peer.connect())
    return {
      plugin: form === 'bare' ? plugin : wrap(plugin, [], { account: 'check' }),
      ...(peer !== undefined && { peer }),
      ...(places.line !== undefined && { network: places.line }),
      build: buildOf(target, places),
      cleanup: async () => {
        // that it fails is no matter of the plugin under test
        if (peer !== undefined) await resultWithin(CLEANUP_MS, () => peer.disconnect())
        places.close()
      }
    }
  } catch (error) {
    places.close()
    throw error
  }
}

/** Where both ends name the port, the one that does not listen there is led over the link, so that it can be broken. */
export async function layLink(target: Target): Promise<void> {
  const { plugin, peer } = target.texts
  if (![plugin, peer].every((text) => text.includes('{port}') && !text.includes('{link}'))) return
  if (await listens(target, 'peer')) target.link('plugin')
  else if (await listens(target, 'plugin')) target.link('peer')
}

async function listens(target: Target, end: End): Promise<boolean> {
  const places = await Places.open(target.texts)
  try {
    const plugin = asV2(target, end, target.make(end, places))
    await resultWithin(LISTEN_MS, () => plugin.connect())
    const taken = await isTaken(places.port)
    await resultWithin(CLEANUP_MS, () => plugin.disconnect())
    return taken
  } finally {
    places.close()
  }
}

async function isTaken(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return false
  } catch {
    return true
  } finally {
    server.close()
  }
}

/** The one that its options make, or the one that an in-process plugin has at its other end. */
function peerOf(target: Target, places: Places, raw: object): PluginV2 | undefined {
  if (target.hasPeer) return asV2(target, 'peer', target.make('peer', places))
  const { mirror } = raw as { mirror?: object }
  return mirror !== undefined && isPluginV2(mirror) ? mirror : undefined
}

function asV2(target: Target, end: End, plugin: object): PluginV2 {
  return isPluginV1(plugin) ? wrap(plugin, [compat(target.compat[end])], hasty(plugin)) : (plugin as PluginV2)
}

/**
 * What a plugin of version 1 has outstanding when it is disconnected ends at its expiry. The suite need not wait for
 * that: the time is then a minute ahead.
 */
function hasty(plugin: PluginV1): Context {
  let ahead = 0
  plugin.on('connect', () => {
    ahead = 0
  })
  plugin.on('disconnect', () => {
    ahead = 60_000
  })
  return { account: 'check', clock: { ...systemClock, now: () => systemClock.now() + ahead } }
}

function buildOf(target: Target, places: Places): Build {
  return {
    construct: (options, services) => Reflect.construct(target.Plugin, [options, services]) as unknown,
    options: target.options('plugin', places),
    badOptions: target.badOptions ?? {}
  }
}
