import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Circuit, REFUSED } from '../src/circuit.js'
import type { CircuitObserver, Rules } from '../src/circuit.js'
import { OutcomeWindow } from '../src/window.js'

const rules: Rules = {
  windowMs: 1000,
  minimumCalls: 4,
  failureRatio: 0.5,
  halfOpenAfterMs: 100,
  growth: 2,
  maxHalfOpenAfterMs: 300,
  trials: 2,
  trialTimeoutMs: 50
}

class Diary implements CircuitObserver {
  readonly lines: string[] = []
  opened(reason: string): void {
    this.lines.push(`opened: ${reason}`)
  }
  halfOpened(): void {
    this.lines.push('half-opened')
  }
  closed(reason: string): void {
    this.lines.push(`closed: ${reason}`)
  }
  isolated(): void {
    this.lines.push('isolated')
  }
}

function setup(changes: Partial<Rules> = {}) {
  const diary = new Diary()
  const circuit = new Circuit({ ...rules, ...changes }, diary)
  const fail = (now: number): void => circuit.fail(circuit.admit(now), now)
  const succeed = (now: number): void => circuit.succeed(circuit.admit(now), now)
  return { circuit, fail, succeed, lines: diary.lines }
}

/** Opens it at 0. */
function opened(changes?: Partial<Rules>) {
  const made = setup(changes)
  for (let i = 0; i < 4; i++) made.fail(0)
  return made
}

describe('Circuit', () => {
  it('opens once enough calls were made and enough of them failed', () => {
    const { circuit, fail, succeed, lines } = setup()
    succeed(0)
    succeed(0)
    fail(0)
    expect(circuit.state).toBe('closed')
    fail(0)
    expect(circuit.state).toBe('open')
    expect(circuit.counts(0)).toEqual({ calls: 4, failures: 2 })
    expect(circuit.retryAfterMs(40)).toBe(60)
    expect(circuit.admit(99)).toBe(REFUSED)
    expect(lines).toEqual(['opened: failures'])
  })

  it('does not open for failures that are further apart than the window is long', () => {
    const { circuit, fail } = setup()
    for (let i = 0; i < 40; i++) fail(i * 400)
    expect(circuit.state).toBe('closed')
    expect(circuit.counts(15_600).failures).toBe(3)
  })

  it('closes when all trials succeed, and has forgotten the failures', () => {
    const { circuit, fail, succeed, lines } = opened()
    succeed(100)
    expect(circuit.state).toBe('half-open')
    succeed(100)
    expect(circuit.state).toBe('closed')
    expect(circuit.counts(100)).toEqual({ calls: 0, failures: 0 })
    fail(100)
    expect(circuit.state).toBe('closed')
    expect(lines).toEqual(['opened: failures', 'half-opened', 'closed: trials-succeeded'])
  })

  it('lets so many trials through and no more', () => {
    const { circuit } = opened()
    expect(circuit.admit(100)).not.toBe(REFUSED)
    expect(circuit.admit(100)).not.toBe(REFUSED)
    expect(circuit.admit(100)).toBe(REFUSED)
    expect(circuit.retryAfterMs(100)).toBe(0)
  })

  it('opens again at the first trial that fails, each time for longer, up to a limit', () => {
    const { circuit, fail } = opened()
    const waits = [circuit.retryAfterMs(0)]
    let now = 0
    for (let i = 0; i < 3; i++) {
      now += waits.at(-1)!
      fail(now)
      expect(circuit.state).toBe('open')
      waits.push(circuit.retryAfterMs(now))
    }
    expect(waits).toEqual([100, 200, 300, 300])
  })

  it('starts with the short wait again once it has been closed', () => {
    const { circuit, fail, succeed } = opened()
    fail(100)
    succeed(300)
    succeed(300)
    for (let i = 0; i < 4; i++) fail(300)
    expect(circuit.retryAfterMs(300)).toBe(100)
  })

  it('makes another trial in place of one that proved nothing', () => {
    const { circuit } = opened()
    const period = circuit.admit(100)
    circuit.admit(100)
    circuit.ignore(period)
    expect(circuit.admit(100)).toBe(period)
    expect(circuit.admit(100)).toBe(REFUSED)
  })

  // a peer that takes a packet and never says a word would leave it half-open for good
  it('opens again when trials stay without an outcome', () => {
    const { circuit, lines } = opened()
    circuit.admit(100)
    circuit.admit(120)
    expect(circuit.admit(169)).toBe(REFUSED)
    expect(circuit.state).toBe('half-open')
    expect(circuit.admit(170)).toBe(REFUSED)
    expect(lines.at(-1)).toBe('opened: trial-unanswered')
    expect(circuit.admit(370)).not.toBe(REFUSED)
  })

  it('does not count what comes to an end after the state has changed', () => {
    const { circuit, fail, succeed } = setup()
    const early = circuit.admit(0)
    for (let i = 0; i < 4; i++) fail(0)
    succeed(100)
    circuit.succeed(early, 100)
    circuit.fail(early, 100)
    circuit.ignore(early)
    expect(circuit.state).toBe('half-open')
  })

  it('opens and closes with the connection', () => {
    const { circuit, lines } = setup()
    circuit.connected()
    circuit.disconnected(0)
    circuit.disconnected(0)
    circuit.connected()
    circuit.disconnected(0)
    circuit.admit(100)
    circuit.connected()
    circuit.disconnected(100)
    circuit.admit(200)
    circuit.disconnected(200)
    expect(lines).toEqual([
      'opened: disconnected',
      'closed: connected',
      'opened: disconnected',
      'half-opened',
      'closed: connected',
      'opened: disconnected',
      'half-opened',
      'opened: disconnected'
    ])
  })

  it('stays isolated until it is reset', () => {
    const { circuit, lines } = setup()
    circuit.isolate()
    circuit.isolate()
    circuit.connected()
    circuit.disconnected(0)
    expect(circuit.admit(1e9)).toBe(REFUSED)
    expect(circuit.retryAfterMs(1e9)).toBe(Infinity)
    circuit.reset()
    expect(circuit.state).toBe('closed')
    expect(lines).toEqual(['isolated', 'closed: reset'])
  })

  it('forgets what it has counted when it is reset, open or closed', () => {
    const { circuit, fail, lines } = setup()
    circuit.reset()
    for (let i = 0; i < 3; i++) fail(0)
    circuit.reset()
    for (let i = 0; i < 3; i++) fail(0)
    expect(circuit.state).toBe('closed')
    fail(0)
    circuit.reset()
    expect(circuit.state).toBe('closed')
    expect(lines).toEqual(['opened: failures', 'closed: reset'])
  })

  it('gets back to closed from any state once calls succeed, and never makes more trials than it may', () => {
    const step = fc.record({
      wait: fc.integer({ min: 0, max: 150 }),
      act: fc.constantFrom('call', 'succeed', 'fail', 'ignore', 'disconnect', 'connect')
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { circuit } = setup()
        let now = 0
        let pending: number[] = []
        let period = REFUSED
        let succeeded = 0
        const enter = (next: number): void => {
          if (next !== period) [period, succeeded, pending] = [next, 0, []]
        }
        for (const { wait, act } of steps) {
          now += wait
          const before = circuit.state
          if (act === 'call') {
            const admitted = circuit.admit(now)
            if (admitted !== REFUSED) {
              enter(admitted)
              pending.push(admitted)
            }
            if (circuit.state === 'half-open') expect(pending.length + succeeded).toBeLessThanOrEqual(rules.trials)
          } else if (act === 'connect') circuit.connected()
          else if (act === 'disconnect') circuit.disconnected(now)
          else if (pending.length > 0) {
            const ended = pending.pop()!
            if (act === 'succeed') {
              if (before === 'half-open') succeeded++
              circuit.succeed(ended, now)
            } else if (act === 'fail') circuit.fail(ended, now)
            else circuit.ignore(ended)
          }
        }
        // trials may still be out: they are given up first
        for (let i = 0; i < 4 && circuit.state !== 'closed'; i++) {
          now += rules.maxHalfOpenAfterMs
          for (let each = 0; each < rules.trials; each++) {
            const admitted = circuit.admit(now)
            if (admitted !== REFUSED) circuit.succeed(admitted, now)
          }
        }
        expect(circuit.state).toBe('closed')
      })
    )
  })
})

describe('OutcomeWindow', () => {
  it('counts just what falls into its ten newest slots', () => {
    const call = fc.record({
      wait: fc.integer({ min: 0, max: 40 }),
      took: fc.integer({ min: 0, max: 150 }),
      failed: fc.boolean()
    })
    fc.assert(
      fc.property(fc.array(call), (calls) => {
        const window = new OutcomeWindow(100)
        const all: { slot: number; failed: boolean }[] = []
        let now = 0
        for (const { wait, took, failed } of calls) {
          now += wait
          window.advance(now)
          const at = Math.max(0, now - took)
          if (failed) window.fail(now)
          else window.succeed(at)
          all.push({ slot: Math.floor((failed ? now : at) / 10), failed })
        }
        const counted = all.filter(({ slot }) => slot > Math.floor(now / 10) - 10)
        expect(window.calls).toBe(counted.length)
        expect(window.failures).toBe(counted.filter(({ failed }) => failed).length)
      })
    )
  })
})
