/** Sends what waits, oldest first: by one tab, or the worker, at a time. A punch is marked after its answer, never before. */

import * as database from "./database.js"
import {
  RESPONSE_TIMEOUT_MS, DAY_MS, retryDelay, isOverdue, readJson, remainingWait, statusMeaning, receiptOutcome, truncateReason, parseRetryAfter, sentTime, clockSkew, timestamp,
} from "./rules.js"

const API = new URL("./ponto", import.meta.url)
const BUSY_RETRY_MS = 1000
const RECEIPT_INTERVAL_MS = 200 // between two receipts: they share the key's throttle with the punches
const FIRST_RECEIPT_MS = 2000
const MAX_RECEIPT_WAIT_MS = 600_000
const RECEIPT_PERIOD_MS = 14 * DAY_MS // a dead letter is gone by then: what is no row will hardly be one
const REFUSED_KEY_RETRY_MS = 600_000 // a refused key is tried again after this: it may have been enabled meanwhile
const MIN_KEY_LENGTH = 20 // characters, by API Gateway

const channel = new BroadcastChannel("outbox")
let renewToken = async () => "refused"

/**
 * Say how a session gets another token when its own is refused.
 * @param {(session: object) => Promise<"renewed" | "refused" | "again">} callback keeps the token that it gets; again: it
 *     could not ask
 */
export function setTokenRenewal(callback) {
  renewToken = callback
}

/** Be told when something changes, whichever tab does it. */
export function onChange(listener) {
  channel.addEventListener("message", listener)
  addEventListener("outbox", listener)
}

/** Tell all tabs that something has changed. */
export function notifyChange() {
  channel.postMessage("changed")
  dispatchEvent(new Event("outbox"))
}

/**
 * Ask the API.
 * @param {URL} address
 * @param {string} key
 * @param {{token: string} | null} session of an employee who signed in
 * @param {RequestInit} request
 * @returns {Promise<{status: number, body: any, asked: number, skew: number | null}>} status 0 when no whole answer came;
 *     asked: ms, by Retry-After
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
      asked: parseRetryAfter(response.headers.get("retry-after"), date),
      skew: clockSkew(date, requestedAt, elapsed),
    }
  } catch {
    return { status: 0, body: null, asked: 0, skew: null } // fetch does not say why, and it does not matter
  }
}

/** @returns {Promise<boolean>} whether the API knows a key; false, too, when there is no answer */
export async function isKeyValid(key) {
  if (key.length < MIN_KEY_LENGTH) return false // what was typed may be somebody's PIN
  const { session } = await database.getSettings("session")
  const response = await request(new URL(`${API}/-`), key, session, {}) // the receipt of no punch
  return response.status === 404 && typeof response.body?.message === "string"
}

/**
 * Send all that waits, as far as it goes.
 * @returns {Promise<number | null>} ms after which to try again; null when nothing waits that could be sent
 */
export function sendWaiting() {
  return navigator.locks.request("outbox", { ifAvailable: true }, lock => (lock ? sendAll() : BUSY_RETRY_MS))
}

async function sendAll() {
  let hasRenewed = false
  for (;;) {
    const { key, refusedKey, retry, session } = await database.getSettings("key", "refusedKey", "retry", "session")
    if (!key) return null
    const wait = Math.max(remainingWait(retry, Date.now()), refusedKey?.key === key ? remainingWait(refusedKey, Date.now()) : 0)
    if (wait > 0) return wait
    // Who signed in punches for nobody else: another's punches wait for their own sign-in.
    const punch = await database.findOldestWaiting(session?.employee ?? null)
    if (!punch) return null

    const body = JSON.stringify({ ...punch.body, enviado: timestamp(new Date()) })
    const response = await request(API, key, session, { method: "POST", headers: { "content-type": "application/json" }, body })
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
          const receiptOutcome = await renewSession(session)
          hasRenewed = receiptOutcome === "renewed"
          if (hasRenewed) continue
          if (receiptOutcome === "again") {
            await scheduleRetry((retry?.attempts ?? 0) + 1, { asked: 0, status: 0 })
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

/** Get another token for a session, or end it: one at a time, for sending and receipts may both find that it is too old. */
function renewSession(session) {
  return navigator.locks.request("renewal", async () => {
    const { session: now } = await database.getSettings("session")
    if (!isSameSession(now, session)) return "renewed" // or signed out
    const receiptOutcome = await renewToken(session)
    if (receiptOutcome === "refused")
      await database.updateSettings(["session"], now => (isSameSession(now.session, session) ? { session: null } : {}))
    return receiptOutcome
  })
}

/** Stop for a while, unless there is another key or a sign-in by now: those were not refused. */
function noteRefusedKey(key, session, status) {
  return database.updateSettings(["key", "session"], now =>
    now.key === key && (now.session === null || isSameSession(now.session, session))
      ? { refusedKey: { key, status, delay: REFUSED_KEY_RETRY_MS, at: Date.now() + REFUSED_KEY_RETRY_MS } }
      : {},
  )
}

function scheduleRetry(attempts, response) {
  const wait = retryDelay(attempts, response.asked)
  return database.saveSetting("retry", { attempts, delay: wait, at: Date.now() + wait, answered: response.status !== 0 })
}

/**
 * Try at once what no server asked to put off.
 * @param {boolean} refused a refused key, too: the network is back, or somebody looks
 */
export function endWaits(refused) {
  return database.updateSettings(["retry", "refusedKey"], ({ retry, refusedKey }) => ({
    ...(retry && !retry.answered && { retry: { ...retry, at: 0 } }),
    ...(refused && refusedKey && { refusedKey: { ...refusedKey, at: 0 } }),
  }))
}

const receipts = new Map() // order -> {asked: how often, due: by performance.now()}
let pause = { until: 0, attempts: 0 } // no receipt is asked for before

/**
 * Ask whether what was sent is a row by now.
 * @returns {Promise<number | null>} ms after which to ask again; null when there is nothing to ask for
 */
export function collectReceipts() {
  return navigator.locks.request("receipts", { ifAvailable: true }, lock => (lock ? requestReceipts() : MAX_RECEIPT_WAIT_MS))
}

async function requestReceipts(hasRenewed = false) {
  const { key, refusedKey, session } = await database.getSettings("key", "refusedKey", "session")
  const sent = (await database.listPunches("sent")).filter(punch => !session || punch.body.usuarioId === session.employee)
  if (!key || refusedKey?.key === key || sent.length === 0) return null
  const orders = new Set(sent.map(punch => punch.order))
  for (const order of receipts.keys()) if (!orders.has(order)) receipts.delete(order) // another tab has got it
  for (const punch of sent) {
    const receipt = receipts.get(punch.order) ?? { asked: 0, due: performance.now() + FIRST_RECEIPT_MS }
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
      const wait = Math.min(retryDelay(++receipt.asked, response.asked), MAX_RECEIPT_WAIT_MS)
      // Rarely, but not never: this device's clock may have been wrong, then or now.
      receipt.due = performance.now() + (missingAt - sentTime(punch) > RECEIPT_PERIOD_MS ? DAY_MS : wait)
      await database.updatePunch(punch.body.id, { missingAt })
      if (isOverdue(punch) !== isOverdue({ ...punch, missingAt })) notifyChange()
    } else {
      if (response.status === 401 && session && !hasRenewed) {
        const receiptOutcome = await renewSession(session)
        if (receiptOutcome === "refused") notifyChange()
        if (receiptOutcome === "renewed") return requestReceipts(true)
      }
      // The database resumes, there is no network, or something between answers: it says nothing of the punch.
      pause.until = performance.now() + Math.min(retryDelay(++pause.attempts, response.asked), MAX_RECEIPT_WAIT_MS)
      break
    }
    pause.attempts = 0
    await new Promise(resolve => setTimeout(resolve, RECEIPT_INTERVAL_MS))
  }
  if (receipts.size === 0) return null
  const due = Math.min(...Array.from(receipts.values(), receipt => receipt.due))
  return Math.max(Math.max(due, pause.until) - performance.now(), 0)
}
