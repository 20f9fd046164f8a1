/** Rules of the page: formats, the meaning of responses, and waits. This module uses no storage, network or document. */

export const RESPONSE_TIMEOUT_MS = 30_000 // API Gateway gives up after 29 s
const MAX_BACKOFF_MS = 300_000
const MAX_RETRY_AFTER_MS = 3_600_000 // a longer Retry-After is shortened to an hour
const STORE_TIMEOUT_MS = 15_000 // a store that takes longer may never respond, while other tabs wait for the lock
export const DAY_MS = 24 * 3_600_000
export const REFUSED_STATES = ["refused", "conflict"] // of punches that will not be recorded
const MAX_SKEW_MS = 30_000 // the legal limit for a time clock in software
const MAX_SKEW_REQUEST_MS = 10_000 // after a longer request the comparison of the clocks is too inexact
const MAX_RESPONSE_BYTES = 1_048_576 // a receipt has some hundred bytes, a list of a slice up to a million
const MAX_REASON_LENGTH = 300 // characters
const FREE_TRIES = 3 // of a PIN
const FIRST_LOCK_MS = 30_000
const MAX_LOCK_MS = 3_600_000

/**
 * Creates a UUIDv7, with the time of this device's clock.
 * @param {number} now ms since the epoch
 * @param {Uint8Array} random 16 bytes
 * @returns {string} in lower case
 */
export function uuid7(now, random) {
  const bytes = Uint8Array.from(random)
  for (let index = 5, value = now; index >= 0; index--, value = Math.floor(value / 256)) bytes[index] = value % 256
  bytes[6] = 0x70 | (bytes[6] & 0x0f)
  bytes[8] = 0x80 | (bytes[8] & 0x3f)
  const hex = Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("")
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
}

/**
 * Formats an instant as local time with its offset, to the millisecond: 2026-10-01T08:00:00.000-03:00.
 * @param {Date} date
 * @param {number} offset minutes east of UTC; by default this device's
 * @returns {string}
 */
export function timestamp(date, offset = -date.getTimezoneOffset()) {
  const local = new Date(date.getTime() + 60_000 * offset).toISOString().slice(0, -1)
  const minutes = Math.abs(offset)
  const two = number => String(number).padStart(2, "0")
  return `${local}${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

/** Parses the employee number that was typed; returns null if it is invalid. */
export function parseEmployee(text) {
  const number = /^\d{1,16}$/.test(text.trim()) ? Number(text) : 0
  return number >= 1 && Number.isSafeInteger(number) ? number : null
}

/** Removes from a device name the characters that the API refuses, and limits its length to leave room for the suffix. */
export function cleanDeviceName(text) {
  return Array.from(text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "").trim())
    .slice(0, 40)
    .join("")
    .trim()
}

/**
 * Returns the meaning of the response to the POST of a punch.
 * @param {number} status HTTP status; 0: there was no response
 * @returns {"sent" | "refused" | "stop" | "again"}
 */
export function statusMeaning(status) {
  if (status === 202) return "sent"
  if (status === 400 || status === 413 || status === 415) return "refused"
  if (status === 401 || status === 403) return "stop"
  return "again" // 408, 429, 5xx, none, and those that only an intermediary can have sent, such as 200 and 404
}

/**
 * Parses the JSON of a response, and stops reading when it is longer than any response of the API.
 * @param {Response} response
 * @returns {Promise<any>} null: it is too long, or not JSON
 * @throws {Error} the connection was interrupted
 */
export async function readJson(response) {
  const parts = []
  const reader = response.body?.getReader()
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
 * Shortens the reason of a refusal to a readable length: a very long text would block the page.
 * @param {unknown} message message of a response or an error
 * @returns {string}
 */
export function truncateReason(message) {
  if (typeof message !== "string") return ""
  return Array.from(message.slice(0, 2 * MAX_REASON_LENGTH)).slice(0, MAX_REASON_LENGTH).join("")
}

/**
 * Returns the new state of a punch with a receipt. Instants are compared to the millisecond, the precision of this page.
 * @param {any} receipt body of a response 200
 * @param {object} body body of the punch
 * @returns {"recorded" | "conflict" | null} conflict: another punch has the same id; null: not a receipt of this id
 */
export function receiptOutcome(receipt, body) {
  if (receipt?.situacao !== "gravada" || receipt.id !== body.id) return null
  const instant = Date.parse(receipt.ponto)
  if (!Number.isInteger(receipt.usuarioId) || Number.isNaN(instant)) return null
  return receipt.usuarioId === body.usuarioId && instant === Date.parse(body.ponto) ? "recorded" : "conflict"
}

/** Returns the time when a punch was accepted, in ms since the epoch. */
export const sentTime = punch => punch.sentAt ?? Date.parse(punch.body.ponto)

/**
 * Returns whether a punch had no receipt a day after it was sent, so that the employee has to report it. It is not overdue before
 * the page has requested the receipt again.
 */
export const isOverdue = punch => punch.state === "sent" && punch.missingAt - sentTime(punch) >= DAY_MS

/**
 * Parses a Retry-After.
 * @param {string | null} value value of the header: seconds or a date
 * @param {string | null} date the response's Date header, to which a date is relative
 * @returns {number} ms; 0 without a valid value
 */
export function parseRetryAfter(value, date) {
  if (!value) return 0
  const from = Date.parse(date ?? "") || Date.now()
  const retryAfterMs = /^\s*\d+\s*$/.test(value) ? 1000 * Number(value) : Date.parse(value) - from
  return Math.min(Math.max(retryAfterMs || 0, 0), MAX_RETRY_AFTER_MS)
}

/**
 * Returns the wait before the next attempt: 1 s, 2 s, 4 s, ... plus a random part of up to the same length, so that devices
 * do not return at the same time.
 * @param {number} attempts number of failed attempts, 1 or more
 * @param {number} retryAfterMs minimum, to which the random part is added
 * @param {() => number} random returns a number from 0 to 1
 * @returns {number} ms
 */
export function retryDelay(attempts, retryAfterMs, random = Math.random) {
  const base = Math.min(1000 * 2 ** (attempts - 1), MAX_BACKOFF_MS)
  return Math.max(base, retryAfterMs) + Math.round(random() * base) // an integer, because `remainingWait` compares it exactly
}

/**
 * Waits for a store for a limited time: after a full disk some requests never end.
 * @param {Promise<any>} result result of the store
 * @param {string} store name of the store, for the error
 * @returns {Promise<any>} the result
 * @throws {DOMException} a `TimeoutError`
 */
export async function withTimeout(result, store) {
  let timer
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new DOMException(`${store} does not answer`, "TimeoutError")), STORE_TIMEOUT_MS)
  })
  try {
    return await Promise.race([result, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/** Returns whether an error means that a store did not respond in time. */
export const isTimeout = error => [error.name, error.cause?.name].includes("TimeoutError")

/**
 * Returns the key of the text that says in a person's words why a store failed.
 * @param {Error} error
 * @returns {string | null} null: none of the known reasons
 */
export function storageReason(error) {
  if (!self.isSecureContext) return "needsHttps"
  if (!navigator.locks || !self.indexedDB || !self.caches) return "needsBrowser"
  if (error.name === "SecurityError") return "needsPermission"
  if (error.name === "QuotaExceededError") return "storageFull"
  return isTimeout(error) ? "storageTimeout" : null
}

/**
 * Returns the remaining time of a wait. If the clock was set back meanwhile, it is 0, so that no wait becomes longer.
 * @param {{at: number, delay: number} | null} retry at: end of the wait, in ms since the epoch; delay: its length in ms
 * @param {number} now ms since the epoch
 * @returns {number} ms
 */
export function remainingWait(retry, now) {
  const remaining = retry ? retry.at - now : 0
  return remaining > 0 && remaining <= retry.delay ? remaining : 0
}

/**
 * Counts a try of a PIN. After the third and every later one there is a wait: 30 s, 1 min, 2 min, ... an hour.
 * @param {{attempts: number} | null} tries those since the last correct PIN
 * @param {number} now ms since the epoch
 * @returns {{attempts: number, at: number, delay: number}} with the wait, for `remainingWait`
 */
export function countTry(tries, now) {
  const attempts = (tries?.attempts ?? 0) + 1
  const delay = attempts < FREE_TRIES ? 0 : Math.min(FIRST_LOCK_MS * 2 ** (attempts - FREE_TRIES), MAX_LOCK_MS)
  return { attempts, delay, at: now + delay }
}

/**
 * Returns by how much this device's clock is ahead of the server's.
 * @param {string | null} date the response's Date header
 * @param {number} requestedAt ms since the epoch
 * @param {number} elapsed ms until the response
 * @returns {number | null} ms, negative if behind; null if it is unknown
 */
export function clockSkew(date, requestedAt, elapsed) {
  const server = Date.parse(date ?? "") + 500 // Date has whole seconds
  return Number.isNaN(server) || elapsed > MAX_SKEW_REQUEST_MS ? null : requestedAt + elapsed / 2 - server
}

/** Returns whether a difference of the clocks (ms, null if unknown) is large enough for a warning. */
export const isSkewed = skew => skew !== null && Math.abs(skew) > MAX_SKEW_MS

/**
 * Returns the employee of an ID token. The signature is not verified here; the API does that.
 * @param {unknown} token a JWT
 * @returns {number | null} null: not a token, or its claim is not an employee number in the API's format
 */
export function tokenEmployee(token) {
  try {
    const claims = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))
    const claim = JSON.parse(claims)["custom:usuarioId"] // other claims may be garbled by atob, but digits are ASCII
    const employee = parseEmployee(claim)
    return String(employee) === claim ? employee : null
  } catch {
    return null
  }
}

/** Returns the key of a link's fragment, #key=..., which browsers send to no server; null without one. */
export function parseKeyFragment(fragment) {
  return fragment.startsWith("#key=") ? parseKey(new URLSearchParams(fragment.slice(1)).get("key") ?? "") : null
}

/** Parses a key, or a link with a key, that was typed or pasted; returns null if it cannot be an API key. */
export function parseKey(text) {
  const key = text.includes("#key=") ? parseKeyFragment(text.slice(text.indexOf("#"))) ?? "" : text.trim()
  return /^[!-~]{1,128}$/.test(key) ? key : null
}
