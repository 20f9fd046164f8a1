/**
 * Sending of the waiting punches, oldest first, by one tab or the worker at a time. A punch changes its state only after the
 * API's response.
 */

import * as database from "./database.js"
import {
  DAY_MS, RESPONSE_TIMEOUT_MS, clockSkew, isOverdue, parseRetryAfter, readJson, receiptOutcome, remainingWait,
  retryDelay, sentTime, statusMeaning, timestamp, truncateReason,
} from "./rules.js"

const API = new URL("./ponto", import.meta.url)
const BUSY_RETRY_MS = 1000 // while another tab sends
const RECEIPT_INTERVAL_MS = 200 // between two requests: receipts and punches share the key's throttle
const FIRST_RECEIPT_MS = 2000
const MAX_RECEIPT_WAIT_MS = 600_000
const RECEIPT_PERIOD_MS = 14 * DAY_MS // then dead letters have expired, and the punch will probably never be stored
const REFUSED_KEY_RETRY_MS = 600_000 // a refused key is tried again, because it may have been enabled
const MIN_KEY_LENGTH = 20 // characters, API Gateway's minimum

const channel = new BroadcastChannel("outbox")
const SLOW_MS = 300 // after this time a request is shown

let renewToken = async () => "refused"

/** Id of the punch that this tab is sending; null between two. */
export let sendingId = null

/**
 * Sets the function that renews the token of a session.
 * @param {(session: object) => Promise<"renewed" | "refused" | "again">} callback stores the new token; "again": the user
 *     pool did not respond
 */
export function setTokenRenewal(callback) {
  renewToken = callback
}

/** Calls a function at each change, in this tab or in another tab. */
export function onChange(listener) {
  channel.addEventListener("message", listener)
  addEventListener("outbox", listener)
}

/** Notifies all tabs of a change. */
export function notifyChange() {
  channel.postMessage("changed")
  dispatchEvent(new Event("outbox"))
}

/**
 * Sends a request to the API.
 * @param {URL} address
 * @param {string} key
 * @param {{token: string} | null} session session of an employee who signed in
 * @param {RequestInit} options
 * @returns {Promise<{status: number, body: any, retryAfterMs: number, skew: number | null}>} status 0: no complete response;
 *     skew: ms that this device's clock is ahead
 */
async function request(address, key, session, options) {
  const requestedAt = Date.now()
  const start = performance.now()
  try {
    const response = await fetch(address, {
      ...options,
      headers: { ...options.headers, "x-api-key": key, ...(session && { authorization: session.token }) },
      signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    })
    const elapsed = performance.now() - start
    const body = await readJson(response)
    const date = response.headers.get("date")
    return {
      status: response.status,
      body,
      retryAfterMs: parseRetryAfter(response.headers.get("retry-after"), date),
      skew: clockSkew(date, requestedAt, elapsed),
    }
  } catch {
    return { status: 0, body: null, retryAfterMs: 0, skew: null } // fetch does not report the cause
  }
}

/**
 * Sends a request of another slice's module to the API, with this device's key and session. It changes no punch.
 * @param {string} path path below the page's URL
 * @param {RequestInit} options
 * @returns {ReturnType<typeof request>}
 */
export async function callApi(path, options = {}, hasRenewed = false) {
  const { key, session } = await database.getSettings("key", "session")
  const response = await request(new URL(`./${path}`, import.meta.url), key ?? "", session, options)
  const canRenew = response.status === 401 && session && !hasRenewed
  return canRenew && (await renewSession(session)) === "renewed" ? callApi(path, options, true) : response
}

/** @returns {Promise<boolean>} whether the API accepts a key; also false without a response */
export async function isKeyValid(key) {
  if (key.length < MIN_KEY_LENGTH) return false // it may be a PIN, which must not be sent
  const { session } = await database.getSettings("session")
  const response = await request(new URL(`${API}/-`), key, session, {}) // a valid key gets a 404
  return response.status === 404 && typeof response.body?.message === "string"
}

/**
 * Sends the waiting punches until one fails.
 * @returns {Promise<number | null>} ms until the next attempt; null if there is nothing to send
 */
export function sendWaiting() {
  return navigator.locks.request("outbox", { ifAvailable: true }, lock => (lock ? sendAll() : BUSY_RETRY_MS))
}

async function sendAll() {
  let hasRenewed = false
  for (;;) {
    const { key, refusedKey, retry, session } = await database.getSettings("key", "refusedKey", "retry", "session")
    if (!key) return null
    const now = Date.now()
    const wait = Math.max(remainingWait(retry, now), refusedKey?.key === key ? remainingWait(refusedKey, now) : 0)
    if (wait > 0) return wait
    // With a session only its employee's punches are sent; the others wait for a sign-in of their employees.
    const punch = await database.findOldestWaiting(session?.employee ?? null)
    if (!punch) return null

    const body = JSON.stringify({ ...punch.body, enviado: timestamp(new Date()) })
    sendingId = punch.body.id
    const timer = setTimeout(notifyChange, SLOW_MS)
    const response = await request(API, key, session, { method: "POST", headers: { "content-type": "application/json" }, body })
    clearTimeout(timer)
    sendingId = null
    if (response.skew !== null) await database.saveSetting("skew", response.skew)
    const meaning = statusMeaning(response.status)
    switch (meaning) {
      case "sent":
        await database.updatePunch(punch.body.id, { state: "sent", sentAt: Date.now() })
        break
      case "refused":
        await database.updatePunch(punch.body.id, {
          state: "refused",
          status: response.status,
          reason: truncateReason(response.body?.message),
        })
        break
      case "stop":
        if (response.status === 401 && session && !hasRenewed) {
          const renewal = await renewSession(session)
          hasRenewed = renewal === "renewed"
          if (hasRenewed) continue
          if (renewal === "again") {
            await scheduleRetry((retry?.attempts ?? 0) + 1, { retryAfterMs: 0, status: 0 })
            notifyChange()
            continue
          }
        }
        await noteRefusedKey(key, session, response.status)
        break
      default:
        await scheduleRetry((retry?.attempts ?? 0) + 1, response)
        notifyChange()
        continue
    }
    hasRenewed = false
    if (retry) await database.saveSetting("retry", null)
    if (refusedKey && meaning !== "stop") await database.saveSetting("refusedKey", null)
    notifyChange()
  }
}

const isSameSession = (session, other) => session?.token === other?.token

/** Renews the token of a session, or ends the session. Sending and requests for receipts may do it at once, hence the lock. */
function renewSession(session) {
  return navigator.locks.request("renewal", async () => {
    const { session: now } = await database.getSettings("session")
    if (!isSameSession(now, session)) return "renewed" // by another caller, or the employee has signed out
    const renewal = await renewToken(session)
    if (renewal === "refused")
      await database.updateSettings(["session"], now => (isSameSession(now.session, session) ? { session: null } : {}))
    return renewal
  })
}

/** Stops sending for a while, unless the key or the session has been replaced by one that was not refused. */
function noteRefusedKey(key, session, status) {
  return database.updateSettings(["key", "session"], now =>
    now.key === key && (now.session === null || isSameSession(now.session, session))
      ? { refusedKey: { key, status, delay: REFUSED_KEY_RETRY_MS, at: Date.now() + REFUSED_KEY_RETRY_MS } }
      : {},
  )
}

function scheduleRetry(attempts, response) {
  const wait = retryDelay(attempts, response.retryAfterMs)
  return database.saveSetting("retry", { attempts, delay: wait, at: Date.now() + wait, answered: response.status !== 0 })
}

/**
 * Ends all waits that no server asked for.
 * @param {boolean} includeRefusedKey also try a refused key again: the network is back, or the page is visible again
 */
export function endWaits(includeRefusedKey) {
  return database.updateSettings(["retry", "refusedKey"], ({ retry, refusedKey }) => ({
    ...(retry && !retry.answered && { retry: { ...retry, at: 0 } }),
    ...(includeRefusedKey && refusedKey && { refusedKey: { ...refusedKey, at: 0 } }),
  }))
}

const receipts = new Map() // punch.order -> {requests: number of requests, due: next request, by performance.now()}
let pause = { until: 0, attempts: 0 } // pause of all requests for receipts, until a time by performance.now()

/**
 * Requests the receipts of the sent punches that are due.
 * @returns {Promise<number | null>} ms until the next request; null if no receipt is missing
 */
export function collectReceipts() {
  return navigator.locks.request("receipts", { ifAvailable: true }, lock =>
    lock ? requestReceipts() : MAX_RECEIPT_WAIT_MS,
  )
}

async function requestReceipts(hasRenewed = false) {
  const { key, refusedKey, session } = await database.getSettings("key", "refusedKey", "session")
  const sent = (await database.listPunches("sent")).filter(punch => !session || punch.body.usuarioId === session.employee)
  if (!key || refusedKey?.key === key || sent.length === 0) return null
  const orders = new Set(sent.map(punch => punch.order))
  for (const order of receipts.keys()) if (!orders.has(order)) receipts.delete(order) // another tab has its receipt
  for (const punch of sent) {
    const receipt = receipts.get(punch.order) ?? { requests: 0, due: performance.now() + FIRST_RECEIPT_MS }
    receipts.set(punch.order, receipt)
    if (performance.now() < Math.max(receipt.due, pause.until)) continue
    const response = await request(new URL(`${API}/${punch.body.id}`), key, session, {})
    const state = response.status === 200 ? receiptOutcome(response.body, punch.body) : null
    if (state) {
      await database.updatePunch(punch.body.id, { state })
      receipts.delete(punch.order)
      notifyChange()
    } else if (response.status === 404) {
      const missingAt = Date.now()
      const wait = Math.min(retryDelay(++receipt.requests, response.retryAfterMs), MAX_RECEIPT_WAIT_MS)
      // Old punches are requested once a day and not dropped, because this device's clock may have been wrong.
      receipt.due = performance.now() + (missingAt - sentTime(punch) > RECEIPT_PERIOD_MS ? DAY_MS : wait)
      await database.updatePunch(punch.body.id, { missingAt })
      if (isOverdue(punch) !== isOverdue({ ...punch, missingAt })) notifyChange()
    } else {
      if (response.status === 401 && session && !hasRenewed) {
        const renewal = await renewSession(session)
        if (renewal === "refused") notifyChange()
        if (renewal === "renewed") return requestReceipts(true)
      }
      // The database is resuming, there is no network, or an intermediary responded: the punch's state is unknown.
      pause.until = performance.now() + Math.min(retryDelay(++pause.attempts, response.retryAfterMs), MAX_RECEIPT_WAIT_MS)
      break
    }
    pause.attempts = 0
    await new Promise(resolve => setTimeout(resolve, RECEIPT_INTERVAL_MS))
  }
  if (receipts.size === 0) return null
  const due = Math.min(...Array.from(receipts.values(), receipt => receipt.due))
  return Math.max(Math.max(due, pause.until) - performance.now(), 0)
}
