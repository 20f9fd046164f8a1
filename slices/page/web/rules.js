/** How a punch is written, what an answer means, and when to try again: no storage, no network, no page. */

export const RESPONSE_TIMEOUT_MS = 30_000 // the gateway itself gives up after 29 s
const MAX_BACKOFF_MS = 300_000
const MAX_RETRY_AFTER_MS = 3_600_000 // a server that asks for more is asked again after an hour
const STORE_TIMEOUT_MS = 15_000 // a store that has not answered by then may never do so, and others wait for the lock
export const DAY_MS = 24 * 3_600_000
const MAX_SKEW_MS = 30_000 // the legal limit of a clock by program
const MAX_SKEW_REQUEST_MS = 10_000 // an answer that took longer says too little about the clock
const MAX_RESPONSE_BYTES = 65_536 // bytes: a receipt has some hundred, tokens some thousand
const MAX_REASON_LENGTH = 300 // characters

/**
 * Make a UUIDv7: it sorts by time, and its time is this device's word.
 * @param {number} now ms since the epoch
 * @param {Uint8Array} random 16 bytes
 * @returns {string} in lower case
 */
export function uuid7(now, random) {
  const bytes = Uint8Array.from(random)
  for (let index = 5, rest = now; index >= 0; index--, rest = Math.floor(rest / 256)) bytes[index] = rest % 256
  bytes[6] = 0x70 | (bytes[6] & 0x0f)
  bytes[8] = 0x80 | (bytes[8] & 0x3f)
  const hex = Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("")
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
}

/**
 * Write an instant as local time with its offset, to the millisecond: 2026-10-01T08:00:00.000-03:00.
 * @param {Date} date
 * @param {number} offset minutes east of UTC; the device's own unless given
 * @returns {string}
 */
export function timestamp(date, offset = -date.getTimezoneOffset()) {
  const local = new Date(date.getTime() + 60_000 * offset).toISOString().slice(0, -1)
  const minutes = Math.abs(offset)
  const two = number => String(number).padStart(2, "0")
  return `${local}${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

/** Read an employee's number as it was typed; null when it is none. */
export function parseEmployee(text) {
  const number = /^\d{1,16}$/.test(text.trim()) ? Number(text) : 0
  return number >= 1 && Number.isSafeInteger(number) ? number : null
}

/** Leave out of a device's name, as it was typed, what the API refuses, and leave room for the suffix. */
export function cleanDeviceName(text) {
  return Array.from(text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "").trim())
    .slice(0, 40)
    .join("")
    .trim()
}

/**
 * Say what becomes of a punch by the answer to its POST.
 * @param {number} status HTTP's; 0: there was no answer
 * @returns {"sent" | "refused" | "stop" | "again"}
 */
export function statusMeaning(status) {
  if (status === 202) return "sent"
  if (status === 400 || status === 413 || status === 415) return "refused"
  if (status === 401 || status === 403) return "stop"
  return "again" // 408, 429, 5xx, none, and what only a server between can have answered: a 200, a 404
}

/**
 * Read the JSON of an answer. Of a longer one than any of ours no more is read, however much comes.
 * @param {Response} answer
 * @returns {Promise<any>} null: it is too long, or no JSON
 * @throws {Error} it broke off
 */
export async function readJson(answer) {
  const parts = []
  const reader = answer.body?.getReader()
  let remainingBytes = MAX_RESPONSE_BYTES
  for (let part = await reader?.read(); part && !part.done; part = await reader.read()) {
    remainingBytes -= part.value.length
    if (remainingBytes < 0) {
      await reader.cancel()
      return null
    }
    parts.push(part.value)
  }
  try {
    return JSON.parse(await new Blob(parts).text())
  } catch {
    return null
  }
}

/**
 * Cut the reason of a refusal to what a person reads: a text without end would keep the page from being drawn.
 * @param {unknown} message as it was answered, or kept by an older page
 * @returns {string}
 */
export function truncateReason(message) {
  return typeof message === "string" ? Array.from(message.slice(0, 2 * MAX_REASON_LENGTH)).slice(0, MAX_REASON_LENGTH).join("") : ""
}

/**
 * Say what becomes of a punch by a receipt, the body of a 200. Instants are compared, however they are written, to the
 * millisecond, which is all that this page writes.
 * @param {any} receipt
 * @param {object} body the punch's own
 * @returns {"recorded" | "conflict" | null} conflict: its id is another punch's; null: that is no receipt of this id
 */
export function receiptOutcome(receipt, body) {
  if (receipt?.situacao !== "gravada" || receipt.id !== body.id) return null
  const instant = Date.parse(receipt.ponto)
  if (!Number.isInteger(receipt.usuarioId) || Number.isNaN(instant)) return null
  return receipt.usuarioId === body.usuarioId && instant === Date.parse(body.ponto) ? "recorded" : "conflict"
}

/** When a punch was accepted, in ms since the epoch. */
export const sentTime = punch => punch.sentAt ?? Date.parse(punch.body.ponto)

/**
 * Whether a punch that was sent was still no row a day later, so that somebody has to look after it. A device that has not
 * asked since does not know.
 */
export const isOverdue = punch => punch.state === "sent" && punch.missingAt - sentTime(punch) >= DAY_MS

/**
 * Read a Retry-After.
 * @param {string | null} value the header: seconds or a date
 * @param {string | null} date the same answer's Date, which a date is counted from
 * @returns {number} ms; 0 when it asks for nothing
 */
export function parseRetryAfter(value, date) {
  if (!value) return 0
  const from = Date.parse(date ?? "") || Date.now()
  const retryAfterMs = /^\s*\d+\s*$/.test(value) ? 1000 * Number(value) : Date.parse(value) - from
  return Math.min(Math.max(retryAfterMs || 0, 0), MAX_RETRY_AFTER_MS)
}

/**
 * Say how long to wait: 1 s, 2 s, 4 s, ... and as much again at random, so that devices do not come back together.
 * @param {number} attempts those that have failed, 1 or more
 * @param {number} asked by Retry-After, ms; the random part comes on top
 * @param {() => number} random from 0 to 1
 * @returns {number} ms
 */
export function retryDelay(attempts, retryAfterMs, random = Math.random) {
  const base = Math.min(1000 * 2 ** (attempts - 1), MAX_BACKOFF_MS)
  return Math.max(base, retryAfterMs) + Math.round(random() * base) // of a fraction, `left` could make nothing
}

/**
 * Wait for a store, but not for ever: after a full disk some requests are never answered.
 * @param {Promise<any>} answer
 * @param {string} store its name
 * @returns {Promise<any>} the answer
 * @throws {DOMException} a `TimeoutError`
 */
export async function withTimeout(answer, store) {
  let timer
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new DOMException(`${store} does not answer`, "TimeoutError")), STORE_TIMEOUT_MS)
  })
  try {
    return await Promise.race([answer, silence])
  } finally {
    clearTimeout(timer)
  }
}

/** Whether an error says that a store did not answer. */
export const isTimeout = error => [error.name, error.cause?.name].includes("TimeoutError")

/**
 * Say how much of a wait is left. Where the clock was set meanwhile, nothing: no wait becomes longer by that.
 * @param {{at: number, delay: number} | null} retry when it ends, ms since the epoch, and how long it was
 * @param {number} now ms since the epoch
 * @returns {number} ms
 */
export function remainingWait(retry, now) {
  const rest = retry ? retry.at - now : 0
  return rest > 0 && rest <= retry.delay ? rest : 0
}

/**
 * Tell how far this device's clock is ahead of the server's.
 * @param {string | null} date the answer's Date
 * @param {number} began ms since the epoch, when the request was sent
 * @param {number} elapsed ms until the answer
 * @returns {number | null} ms, negative when behind; null when the answer does not say
 */
export function clockSkew(date, began, elapsed) {
  const server = Date.parse(date ?? "") + 500 // Date has no fractions
  return Number.isNaN(server) || elapsed > MAX_SKEW_REQUEST_MS ? null : began + elapsed / 2 - server
}

/** Whether a difference between the clocks, in ms, is to be shown; null: it is not known. */
export const isSkewed = skew => skew !== null && Math.abs(skew) > MAX_SKEW_MS

/**
 * Read from a token who signed in. Nothing is verified: the API does that.
 * @param {unknown} token a JWT
 * @returns {number | null} null: it is no token, or has no employee's number written as the function writes it
 */
export function tokenEmployee(token) {
  try {
    const claims = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))
    const claim = JSON.parse(claims)["custom:usuarioId"] // digits are ASCII, whatever else the claims hold
    const employee = parseEmployee(claim)
    return String(employee) === claim ? employee : null
  } catch {
    return null
  }
}

/** Read the key that a link brings in its fragment, which no server sees: #key=... Null when there is none. */
export function parseKeyFragment(fragment) {
  return fragment.startsWith("#key=") ? parseKey(new URLSearchParams(fragment.slice(1)).get("key") ?? "") : null
}

/** Read a key, or the link that holds one, as it was typed or pasted; null when no API key looks like that. */
export function parseKey(text) {
  const given = text.includes("#key=") ? parseKeyFragment(text.slice(text.indexOf("#"))) ?? "" : text.trim()
  return /^[!-~]{1,128}$/.test(given) ? given : null
}
