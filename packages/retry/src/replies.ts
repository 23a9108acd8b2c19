import { reject } from '@ilp-wrap/core/packet'

/** RFC 0027, "Error Codes": R00, Transfer Timed Out. What has expired is not sent: nobody may fulfill it. */
export function expired(): Buffer {
  return reject({ code: 'R00', message: 'The packet has expired' })
}

/** RFC 0027, "Error Codes": T01, Peer Unreachable. Its sender may try again. */
export function unreachable(message: string): Buffer {
  return reject({ code: 'T01', message })
}
