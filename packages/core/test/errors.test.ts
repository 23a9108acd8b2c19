import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import * as errors from '../src/errors.js'
import { PluginError, type PluginErrorOptions } from '../src/errors.js'

type ErrorClass = new (message: string, options?: PluginErrorOptions) => PluginError

/** The code that a connector would put into a reject, by the name of the class (RFC 0027, "Error Codes"). */
const CODES: Record<string, string | undefined> = {
  PluginError: undefined,
  InvalidFieldsError: 'F01',
  InvalidServicesError: undefined,
  NotAcceptedError: 'F00',
  UnreachableError: 'T01',
  MoneyNotSentError: undefined,
  DataHandlerAlreadyRegisteredError: undefined,
  MoneyHandlerAlreadyRegisteredError: undefined,
  TimeoutError: 'R00'
}

const classes = Object.entries(errors) as [string, ErrorClass][]

it('there is a class for each name of RFC 0024, and those of ours', () => {
  expect(classes.map(([name]) => name).sort()).toEqual(Object.keys(CODES).sort())
})

describe.each(classes)('%s', (name, Class) => {
  // clause 6 of the contract; the errors of ilp-compat-plugin fail each of these
  it('is an Error, with a name of its own, a stack, and a text', () => {
    const error = new Class('it failed')
    expect(error).toBeInstanceOf(Error)
    expect(error).toBeInstanceOf(PluginError)
    expect(error).toBeInstanceOf(Class)
    expect(error.name).toBe(name)
    expect(error.constructor.name).toBe(name)
    expect(error.message).toBe('it failed')
    expect(String(error)).toBe(`${name}: it failed`)
    expect(error.stack).toMatch(new RegExp(`^${name}: it failed\n +at .*errors\\.test\\.ts`))
    expect(inspect(error)).toContain(`${name}: it failed`)
    expect(Object.prototype.toString.call(error)).toBe('[object Error]')
  })

  it('has the code that a connector makes a reject of, unless it is given another', () => {
    expect(new Class('it failed').ilpErrorCode).toBe(CODES[name])
    expect(new Class('it failed', { ilpErrorCode: 'T99' }).ilpErrorCode).toBe('T99')
  })

  it('has a code for programs and a cause if they are given', () => {
    const cause = new Error('why')
    const error = new Class('it failed', { code: 'ILP_WRAP_UNANSWERED', cause })
    expect(error.code).toBe('ILP_WRAP_UNANSWERED')
    expect(error.cause).toBe(cause)
    expect(error.ilpErrorCode).toBe(CODES[name])
    const plain = new Class('it failed')
    expect(plain.code).toBeUndefined()
    expect('cause' in plain).toBe(false)
  })
})
