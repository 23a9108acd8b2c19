/**
 * Interledger timestamps: 17 characters `YYYYMMDDHHmmSSfff`, UTC (RFC 0027, "ILP Prepare"; asn1/InterledgerTypes.asn).
 */

export const TIMESTAMP_LENGTH = 17

const DAY_MS = 86_400_000
/** From 0000-03-01, the first day of the count below, to 1970-01-01. */
const DAYS_TO_1970 = 719_468
/** Days from 1 March to the first of the month 1…12; a leap day is the last day of such a year. */
const DAYS_FROM_MARCH: readonly number[] = [0, 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275]

/** The digit that a byte writes, far below 0 for a byte that writes none. */
const DIGITS: Int8Array = Int8Array.from({ length: 256 }, (_, byte) => (byte >= 48 && byte <= 57 ? byte - 48 : -128))

/**
 * Milliseconds since 1970 of the timestamp at `at`, NaN where ilp-packet takes it for an invalid date. 17 digits are
 * computed without a string or a Date; days and hours beyond their range flow over, as they do in Date.UTC.
 */
export function timestampAt(bytes: Buffer, at: number): number {
  const century = twoDigits(bytes, at)
  const years = twoDigits(bytes, at + 2)
  const month = twoDigits(bytes, at + 4)
  const day = twoDigits(bytes, at + 6)
  const hour = twoDigits(bytes, at + 8)
  const minute = twoDigits(bytes, at + 10)
  const second = twoDigits(bytes, at + 12)
  const hundredth = twoDigits(bytes, at + 14)
  const millisecond = DIGITS[bytes[at + 16] as number] as number
  const sign = century | years | month | day | hour | minute | second | hundredth | millisecond
  if (sign < 0 || century === 0 || month === 0 || month > 12) return oddTimestampAt(bytes, at)

  const year = century * 100 + years - (month < 3 ? 1 : 0)
  const centuries = (year / 100) | 0
  const leapDays = (year >> 2) - centuries + (centuries >> 2)
  const days = year * 365 + leapDays + (DAYS_FROM_MARCH[month] as number) + day - 1 - DAYS_TO_1970
  const ms = ((hour * 60 + minute) * 60 + second) * 1000 + hundredth * 10 + millisecond
  return valid(days * DAY_MS + ms)
}

/** The number that two digits write, below 0 if one of them is none. */
function twoDigits(bytes: Buffer, at: number): number {
  return (DIGITS[bytes[at] as number] as number) * 10 + (DIGITS[bytes[at + 1] as number] as number)
}

/** What is not just digits, or a year or month that Date.UTC treats in its own way, is read the way ilp-packet does. */
function oddTimestampAt(bytes: Buffer, at: number): number {
  const field = (from: number, to: number): number => Number(bytes.toString('ascii', at + from, at + to))
  return valid(
    Date.UTC(field(0, 4), field(4, 6) - 1, field(6, 8), field(8, 10), field(10, 12), field(12, 14), field(14, 17))
  )
}

/** ilp-packet takes the first millisecond of 1970 for an invalid date, as it is 0. */
function valid(ms: number): number {
  return ms === 0 ? NaN : ms
}

/** True if `ms` has a timestamp that reads back as `ms`: a year from 100 to 9999, and not 0. */
export function hasTimestamp(ms: number): boolean {
  return ms >= EARLIEST && ms < LATEST && ms !== 0
}

const EARLIEST = Date.UTC(100, 0, 1)
const LATEST = Date.UTC(10_000, 0, 1)

/** Writes whole milliseconds since 1970 that `hasTimestamp`. */
export function writeTimestamp(bytes: Buffer, at: number, ms: number): void {
  const date = new Date(ms)
  writeDigits(bytes, at, 4, date.getUTCFullYear())
  writeDigits(bytes, at + 4, 2, date.getUTCMonth() + 1)
  writeDigits(bytes, at + 6, 2, date.getUTCDate())
  writeDigits(bytes, at + 8, 2, date.getUTCHours())
  writeDigits(bytes, at + 10, 2, date.getUTCMinutes())
  writeDigits(bytes, at + 12, 2, date.getUTCSeconds())
  writeDigits(bytes, at + 14, 3, date.getUTCMilliseconds())
}

function writeDigits(bytes: Buffer, at: number, count: number, value: number): void {
  let rest = value
  for (let i = at + count - 1; i >= at; i--) {
    bytes[i] = 48 + (rest % 10)
    rest = (rest / 10) | 0
  }
}
