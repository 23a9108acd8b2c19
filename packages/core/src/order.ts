import type { Definition, Zone } from './middleware.js'

const ranks: Record<Exclude<Zone, 'any'>, number> = { wire: 0, 'inside-books': 1, books: 2, 'outside-books': 3 }

/**
 * What is wrong with putting `definition` on top of `below` (nearest first): going from wire to host the zones of one
 * direction must not descend, and one name may be active once per direction.
 */
export function breaches(definition: Definition, below: readonly Definition[]): string[] {
  const found: string[] = []
  for (const direction of ['incoming', 'outgoing'] as const) {
    const zone = definition.place[direction]
    if (zone === undefined) continue
    if (below.some((other) => other.name === definition.name && other.place[direction] !== undefined)) {
      found.push(`\`${definition.name}\` stands more than once in the stack for ${direction} packets`)
    }
    if (zone === 'any') continue
    const outer = below.find((other) => rank(other.place[direction]) > ranks[zone])
    if (outer === undefined) continue
    found.push(
      `for ${direction} packets \`${definition.name}\` (${zone}) must stand nearer to the wire than \`${outer.name}\` ` +
        `(${String(outer.place[direction])})`
    )
  }
  return found
}

function rank(zone: Zone | undefined): number {
  return zone === undefined || zone === 'any' ? -1 : ranks[zone]
}
