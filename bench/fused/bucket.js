/** A token bucket in whole numbers: microseconds, and as many units a token as let each bring a whole number. */
export class Bucket {
  #token
  #perMicrosecond
  #full
  #level
  #since

  constructor({ capacity, refillCount, refillMs }, now) {
    const divisor = greatestCommonDivisor(refillCount, refillMs * 1000)
    this.#token = (refillMs * 1000) / divisor
    this.#perMicrosecond = refillCount / divisor
    this.#full = capacity * this.#token
    this.#level = this.#full
    this.#since = Math.ceil(now * 1000)
  }

  take(now) {
    const passed = now * 1000 - this.#since
    if (passed > 0) {
      if (this.#level + passed * this.#perMicrosecond >= this.#full) {
        this.#level = this.#full
        this.#since = Math.ceil(now * 1000)
      } else {
        const whole = Math.floor(passed)
        this.#level += whole * this.#perMicrosecond
        this.#since += whole
      }
    }
    if (this.#level < this.#token) return false
    this.#level -= this.#token
    return true
  }

  /** Milliseconds until the next token. */
  waitMs(now) {
    const due = this.#since + Math.ceil((this.#token - this.#level) / this.#perMicrosecond)
    return Math.max(1, Math.ceil((due - now * 1000) / 1000))
  }
}

function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
