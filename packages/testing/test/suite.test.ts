import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { InvalidFieldsError, defineMiddleware, wrap } from '@ilp-wrap/core'
import { isPrepare } from '@ilp-wrap/core/packet'
import { describe, expect, it } from 'vitest'
import {
  conformance,
  conformanceCases,
  loopbackPair,
  referenceFactory,
  rejectPacket,
  runConformance
} from '../src/index.js'
import type { ConformanceOptions, Factory, Subject, TestFramework } from '../src/index.js'

interface Defined {
  title: string
  run: (() => Promise<void>) | undefined
  timeoutMs?: number | undefined
}

/** A framework that only remembers what it is to run. */
function framework(withSkip: boolean): TestFramework & { groups: string[]; tests: Defined[]; skipped: string[] } {
  const [groups, tests, skipped]: [string[], Defined[], string[]] = [[], [], []]
  const it = (title: string, run: () => Promise<void>, timeoutMs?: number): void => {
    tests.push({ title, run, timeoutMs })
  }
  return {
    groups,
    tests,
    skipped,
    describe: (title, define) => {
      groups.push(title)
      define()
    },
    it: withSkip ? Object.assign(it, { skip: (title: string) => skipped.push(title) }) : it
  }
}

/** The outcome of the one case of that clause. */
async function resultOf(clause: string, factory: Factory, options: ConformanceOptions = {}): Promise<string> {
  const skip = Object.fromEntries(
    conformanceCases(factory, options)
      .filter((each) => each.clause !== clause)
      .map((each) => [each.clause, 'not asked for'])
  )
  const results = await runConformance(factory, { timeoutMs: 100, ...options, skip })
  return results.find((each) => each.clause === clause)?.reason ?? 'passed'
}

/** What the case of that name finds; undefined if nothing. */
async function failureOf(
  name: string,
  factory: Factory,
  options: ConformanceOptions = {}
): Promise<string | undefined> {
  const found = conformanceCases(factory, options).find(({ clause, title }) => `${clause} ${title}` === name)
  try {
    await found!.run()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

describe('conformance', () => {
  it('defines a test per case, with more time than a case takes, in the order of the clauses', async () => {
    const { groups, tests, skipped, ...api } = framework(true)
    conformance(api, referenceFactory(), { supports: { recovers: true } })
    expect(groups).toEqual(['the ledger plugin interface'])
    expect(tests[0]).toMatchObject({ title: 'C1 has the version 2 on its constructor', timeoutMs: 40_000 })
    const clauses = tests.map(({ title }) => Number(/^C(\d+) /.exec(title)?.[1]))
    expect(clauses).toEqual([...clauses].sort((a, b) => a - b))
    expect(skipped).toEqual(['C39 ends a prepare that nobody answers at its expiry [does not support expiry]'])
    await tests[0]?.run?.()
  })

  it('tells mocha the time that a test may have', () => {
    const { tests, ...api } = framework(false)
    conformance(api, referenceFactory(), { timeoutMs: 50 })
    const given: number[] = []
    const context = { timeout: (ms: number) => given.push(ms) }
    void tests[0]?.run?.call(context)
    expect(given).toEqual([200])
  })

  it('says in the title what it skips, and why, where the framework cannot skip', async () => {
    const { tests, ...api } = framework(false)
    conformance(api, referenceFactory(), { skip: { C17: 'connects one at a time' } })
    const skipped = tests.find(({ title }) => title.startsWith('C17'))
    expect(skipped?.title).toMatch(/ \[skipped: connects one at a time\]$/)
    await skipped?.run?.()
  })

  it('runs under node:test', async () => {
    const path = fileURLToPath(new URL('children/node-test.js', import.meta.url))
    const child = promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap', path], {
      env: { ...process.env, NODE_OPTIONS: '' }
    })
    const { stdout } = await child
    const count = (what: string): number => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(stdout)?.[1])
    expect(count('fail')).toBe(0)
    expect(count('pass')).toBeGreaterThan(50)
    expect(count('skipped')).toBe(9)
    expect(stdout).toContain('[does not support money]')
  })
})

describe('conformanceCases', () => {
  it('has the cases for wrapped plugins only for what is wrapped', () => {
    const bare = conformanceCases(referenceFactory())
    const wrapped = conformanceCases(referenceFactory(), { wrap: (plugin) => wrap(plugin, []) })
    expect(bare.some(({ clause }) => clause === 'C25')).toBe(false)
    expect(wrapped.filter(({ clause }) => clause === 'C25').length).toBeGreaterThan(3)
  })

  it('gives no two cases of a clause the same title', () => {
    const names = conformanceCases(referenceFactory(), { wrap: (plugin) => wrap(plugin, []) }).map(
      ({ clause, title }) => `${clause} ${title}`
    )
    expect(new Set(names).size).toBe(names.length)
  })

  it('skips by clause, by clause and title, and by what the manifest says', () => {
    const options = {
      supports: { money: false, peer: false },
      skip: { C1: 'has none', 'C9 connect() returns a promise of undefined': 'gives null' }
    }
    const cases = conformanceCases(referenceFactory(), options)
    const reason = (clause: string): unknown => cases.find((each) => each.clause === clause)?.skip
    expect(reason('C1')).toBe('has none')
    expect(reason('C9')).toBe('gives null')
    expect(reason('C47')).toBe('does not support peer, money')
    expect(reason('C2')).toBeUndefined()
  })

  it('refuses to skip what there is not, and options that it does not know', () => {
    expect(() => conformanceCases(referenceFactory(), { skip: { C999: 'no such clause' } })).toThrow('`C999`')
    expect(() => conformanceCases(referenceFactory(), { skip: { C1: 5 as never } })).toThrow('`skip.C1`')
    expect(() => conformanceCases(referenceFactory(), { supports: { monney: true } as never })).toThrow('monney')
    expect(() => conformanceCases(referenceFactory(), { wrapp: 5 } as never)).toThrow('Unknown option `wrapp`')
    expect(() => conformanceCases(5 as never)).toThrow('`factory`')
  })
})

describe('runConformance', () => {
  it('tells what became of each case', async () => {
    const results = await runConformance(referenceFactory(), { skip: { C1: 'reason' }, supports: { recovers: true } })
    expect(results[0]).toEqual({
      clause: 'C1',
      title: 'has the version 2 on its constructor',
      status: 'skipped',
      reason: 'reason'
    })
    expect(results[1]).toEqual({ clause: 'C2', title: 'has the methods of the interface', status: 'passed' })
    expect(results.filter(({ status }) => status === 'failed')).toEqual([])
  })

  it('gives the error of a failed case, and its message, whatever was thrown', async () => {
    const error = new Error('no plugin today')
    const results = await runConformance(() => Promise.reject(error))
    expect(results[0]).toMatchObject({ status: 'failed', reason: 'no plugin today', error })
    const [first] = await runConformance(() => {
      throw 'no plugin ever'
    })
    expect(first).toMatchObject({ status: 'failed', reason: 'no plugin ever' })
  })

  it('says what is missing in what the factory gives', async () => {
    const lonely: Factory = () => ({ plugin: loopbackPair().alice })
    expect(await resultOf('C33', lonely)).toMatch('gives no `peer`, and the manifest does not say `peer: false`')
    expect(await resultOf('C4', lonely)).toMatch('gives no `build`')
    expect(await resultOf('C12', lonely)).toMatch('gives no `network.refuse`')
    const halfway: Factory = () => ({ plugin: loopbackPair().alice, network: { refuse: () => undefined } })
    expect(await resultOf('C12', halfway)).toMatch('connecting while refused went through')
    expect(await failureOf('C18 can connect after a failed connect()', halfway)).toMatch('gives no `network.heal`')
  })

  it('never hangs, though factory, case, disconnect and cleanup do', async () => {
    const never = (): Promise<never> => new Promise(() => undefined)
    expect(await resultOf('C1', never)).toBe('the factory is still not done after 100 ms')
    const stuck = async (change: (subject: Subject) => Partial<Subject>): Promise<Subject> => {
      const subject = await referenceFactory()()
      return { ...subject, ...change(subject) }
    }
    const hanging: Factory = () =>
      stuck(({ plugin }) => {
        plugin.connect = never
        plugin.disconnect = never
        return {}
      })
    expect(await resultOf('C9', hanging)).toBe('the case is still not done after 100 ms')
    expect(await resultOf('C1', () => stuck(() => ({ cleanup: never })))).toBe(
      'the cleanup is still not done after 100 ms'
    )
  })

  it('does not let the time of a wrapped plugin’s case run for ever', async () => {
    const stuck: ConformanceOptions = {
      wrap: (inner) => {
        const plugin = wrap(inner, [])
        Object.defineProperty(plugin, 'disconnect', { value: () => new Promise(() => undefined) })
        return plugin
      }
    }
    expect(await resultOf('C43', referenceFactory(), stuck)).toBe('passed')
    expect(await resultOf('C27', referenceFactory(), stuck)).toBe('the case is still not done after 100 ms')
  })
})

describe('what a middleware may do', () => {
  it('is to withhold a loss that does not last, and the connection that follows', async () => {
    const withholding = referenceFactory({}, (plugin) => {
      const emit = plugin.emit.bind(plugin)
      let told = false
      plugin.emit = (name: string, ...args: unknown[]) => {
        const withheld = told
        told = true
        return !withheld && emit(name, ...args)
      }
      plugin.isConnected = () => told
      return plugin
    })
    const name = 'C19 emits connect again when it has connected again by itself'
    expect(await failureOf(name, withholding, { supports: { recovers: true } })).toBeUndefined()
  })

  it('is to reject what its inner plugin gives that is no Buffer', async () => {
    const strict = defineMiddleware({ name: 'strict', place: {} }, () => ({
      async sendData(data, next) {
        const answer: unknown = await next(data)
        if (Buffer.isBuffer(answer)) return answer
        throw new TypeError('no Buffer')
      }
    }))
    const name = 'C36 survives an inner plugin that resolves with no Buffer'
    expect(await failureOf(name, referenceFactory(), { wrap: strict })).toBeUndefined()
  })

  it('is to answer a prepare with a reject where its host throws', async () => {
    const answering = defineMiddleware({ name: 'answering', place: {} }, () => ({
      handleData: (data, next) =>
        next(data).catch((error: unknown) => {
          if (isPrepare(data)) return rejectPacket('T00')
          throw error
        })
    }))
    const name =
      'C67 hands what a middleware above it throws to its inner plugin, or a reject in place of it for a prepare'
    expect(await failureOf(name, referenceFactory(), { wrap: answering })).toBeUndefined()
  })

  it('is to refuse bad amounts, by an error that says so', async () => {
    const refusing = (error: Error): ConformanceOptions => ({
      wrap: defineMiddleware({ name: 'refusing', place: {} }, () => ({
        sendMoney: (amount, next) => (/^(0|[1-9]\d*)$/.test(amount) ? next(amount) : Promise.reject(error))
      }))
    })
    const name = 'C48 hands an amount on as it is, or refuses it itself'
    expect(await failureOf(name, referenceFactory(), refusing(new InvalidFieldsError('no amount')))).toBeUndefined()
    expect(await failureOf(name, referenceFactory(), refusing(new TypeError('no amount')))).toBeUndefined()
    expect(await failureOf(name, referenceFactory(), refusing(new Error('no amount')))).toMatch('no amount')
  })
})
