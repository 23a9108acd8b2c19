import type { BareCase, WrappedCase } from './case.js'
import { connectionCases } from './connection-cases.js'
import { dataCases } from './data-cases.js'
import { handlerCases } from './handler-cases.js'
import { hygieneCases } from './hygiene-cases.js'
import { moneyCases } from './money-cases.js'
import { shapeCases } from './shape-cases.js'
import { wrappedConnectionCases } from './wrapped-connection-cases.js'
import { wrappedDataCases } from './wrapped-data-cases.js'
import { wrappedHandlerCases } from './wrapped-handler-cases.js'
import { wrappedHygieneCases } from './wrapped-hygiene-cases.js'
import { wrappedShapeCases } from './wrapped-shape-cases.js'

/** What every plugin keeps. */
export const bareCases: readonly BareCase[] = [
  ...shapeCases,
  ...connectionCases,
  ...dataCases,
  ...moneyCases,
  ...handlerCases,
  ...hygieneCases
]

/** What a wrapped plugin keeps besides. */
export const wrappedCases: readonly WrappedCase[] = [
  ...wrappedShapeCases,
  ...wrappedConnectionCases,
  ...wrappedDataCases,
  ...wrappedHandlerCases,
  ...wrappedHygieneCases
]
