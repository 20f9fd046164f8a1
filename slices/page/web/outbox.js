/** Sends what waits, oldest first: by one tab, or the worker, at a time. A punch is marked after its answer, never before. */

import * as database from "./database.js"
import {
  ANSWER_MS, DAY_MS, delay, isOverdue, jsonOf, left, meaning, outcome, reasonOf, retryAfter, sentAt, skewOf, timestamp,
} from "./rules.js"

const API = new URL("./ponto", import.meta.url)
const BUSY_MS = 1000
const ASKED_TOGETHER_MS = 200 // between two receipts: they share the key's throttle with the punches
const FIRST_RECEIPT_MS = 2000
const LONGEST_RECEIPT_MS = 600_000
const RECEIPTS_MS = 14 * DAY_MS // a dead letter is gone by then: what is no row will hardly be one
const REFUSED_MS = 600_000 // a refused key is tried again after this: it may have been enabled meanwhile
const SHORTEST_KEY = 20 // characters, by API Gateway

const channel = new BroadcastChannel("outbox")
let renew = async () => "refused"

/**
 * Say how a session gets another token when its own is refused.
 * @param {(session: object) => Promise<"renewed" | "refused" | "again">} callback keeps the token that it gets; again: it
 *     could not ask
 */
export function renewBy(callback) {
  renew = callback
}

/** Be told when something changes, whichever tab does it. */
export function onChange(listener) {
  channel.addEventListener("message", listener)
  addEventListener("outbox", listener)
}

/** Tell all tabs that something has changed. */
export function changed() {
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
async function ask(address, key, session, request) {
  const began = Date.now()
  const start = performance.now()
  try {
    const answer = await fetch(address, {
      ...request,
      headers: { ...request.headers, "x-api-key": key, ...(session && { authorization: session.token }) },
      signal: AbortSignal.timeout(ANSWER_MS),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    })
    const elapsed = performance.now() - start
    const body = await jsonOf(answer)
    const date = answer.headers.get("date")
    return {
      status: answer.status,
      body,
      asked: retryAfter(answer.headers.get("retry-after"), date),
      skew: skewOf(date, began, elapsed),
    }
  } catch {
    return { status: 0, body: null, asked: 0, skew: null } // fetch does not say why, and it does not matter
  }
}

/** @returns {Promise<boolean>} whether the API knows a key; false, too, when there is no answer */
export async function isKnown(key) {
  if (key.length < SHORTEST_KEY) return false // what was typed may be somebody's PIN
  const { session } = await database.remembered("session")
  const answer = await ask(new URL(`${API}/-`), key, session, {}) // the receipt of no punch
  return answer.status === 404 && typeof answer.body?.message === "string"
}

/**
 * Send all that waits, as far as it goes.
 * @returns {Promise<number | null>} ms after which to try again; null when nothing waits that could be sent
 */
export function flush() {
  return navigator.locks.request("outbox", { ifAvailable: true }, lock => (lock ? empty() : BUSY_MS))
}

async function empty() {
  let renewed = false
  for (;;) {
    const { key, refusedKey, retry, session } = await database.remembered("key", "refusedKey", "retry", "session")
    if (!key) return null
    const wait = Math.max(left(retry, Date.now()), refusedKey?.key === key ? left(refusedKey, Date.now()) : 0)
    if (wait > 0) return wait
    // Who signed in punches for nobody else: another's punches wait for their own sign-in.
    const punch = await database.oldestWaiting(session?.employee ?? null)
    if (!punch) return null

    const body = JSON.stringify({ ...punch.body, enviado: timestamp(new Date()) })
    const answer = await ask(API, key, session, { method: "POST", headers: { "content-type": "application/json" }, body })
    if (answer.skew !== null) await database.remember("skew", answer.skew)
    const meant = meaning(answer.status)
    switch (meant) {
      case "sent":
        await database.mark(punch.body.id, { state: "sent", sentAt: Date.now() })
        break
      case "refused":
        await database.mark(punch.body.id, {
          state: "refused",
          status: answer.status,
          reason: reasonOf(answer.body?.message),
        })
        break
      case "stop":
        if (answer.status === 401 && session && !renewed) {
          const outcome = await renewal(session)
          renewed = outcome === "renewed"
          if (renewed) continue
          if (outcome === "again") {
            await putOff((retry?.attempts ?? 0) + 1, { asked: 0, status: 0 })
            changed()
            continue
          }
        }
        await refuse(key, session, answer.status)
        break
      default:
        await putOff((retry?.attempts ?? 0) + 1, answer)
        changed()
        continue
    }
    renewed = false
    if (retry) await database.remember("retry", null)
    if (refusedKey && meant !== "stop") await database.remember("refusedKey", null)
    changed()
  }
}

const isSame = (session, other) => session?.token === other?.token

/** Get another token for a session, or end it: one at a time, for sending and receipts may both find that it is too old. */
function renewal(session) {
  return navigator.locks.request("renewal", async () => {
    const { session: now } = await database.remembered("session")
    if (!isSame(now, session)) return "renewed" // or signed out
    const outcome = await renew(session)
    if (outcome === "refused")
      await database.update(["session"], now => (isSame(now.session, session) ? { session: null } : {}))
    return outcome
  })
}

/** Stop for a while, unless there is another key or a sign-in by now: those were not refused. */
function refuse(key, session, status) {
  return database.update(["key", "session"], now =>
    now.key === key && (now.session === null || isSame(now.session, session))
      ? { refusedKey: { key, status, delay: REFUSED_MS, at: Date.now() + REFUSED_MS } }
      : {},
  )
}

function putOff(attempts, answer) {
  const wait = delay(attempts, answer.asked)
  return database.remember("retry", { attempts, delay: wait, at: Date.now() + wait, answered: answer.status !== 0 })
}

/**
 * Try at once what no server asked to put off.
 * @param {boolean} refused a refused key, too: the network is back, or somebody looks
 */
export function hurry(refused) {
  return database.update(["retry", "refusedKey"], ({ retry, refusedKey }) => ({
    ...(retry && !retry.answered && { retry: { ...retry, at: 0 } }),
    ...(refused && refusedKey && { refusedKey: { ...refusedKey, at: 0 } }),
  }))
}

const receipts = new Map() // order -> {asked: how often, due: by performance.now()}
let quiet = { until: 0, attempts: 0 } // no receipt is asked for before

/**
 * Ask whether what was sent is a row by now.
 * @returns {Promise<number | null>} ms after which to ask again; null when there is nothing to ask for
 */
export function collect() {
  return navigator.locks.request("receipts", { ifAvailable: true }, lock => (lock ? askForAll() : LONGEST_RECEIPT_MS))
}

async function askForAll(renewed = false) {
  const { key, refusedKey, session } = await database.remembered("key", "refusedKey", "session")
  const sent = (await database.all("sent")).filter(punch => !session || punch.body.usuarioId === session.employee)
  if (!key || refusedKey?.key === key || sent.length === 0) return null
  const orders = new Set(sent.map(punch => punch.order))
  for (const order of receipts.keys()) if (!orders.has(order)) receipts.delete(order) // another tab has got it
  for (const punch of sent) {
    const receipt = receipts.get(punch.order) ?? { asked: 0, due: performance.now() + FIRST_RECEIPT_MS }
    receipts.set(punch.order, receipt)
    if (performance.now() < Math.max(receipt.due, quiet.until)) continue
    const answer = await ask(new URL(`${API}/${punch.body.id}`), key, session, {})
    const state = answer.status === 200 ? outcome(answer.body, punch.body) : null
    if (state) {
      await database.mark(punch.body.id, { state })
      receipts.delete(punch.order)
      changed()
    } else if (answer.status === 404) {
      const missingAt = Date.now()
      const wait = Math.min(delay(++receipt.asked, answer.asked), LONGEST_RECEIPT_MS)
      // Rarely, but not never: this device's clock may have been wrong, then or now.
      receipt.due = performance.now() + (missingAt - sentAt(punch) > RECEIPTS_MS ? DAY_MS : wait)
      await database.mark(punch.body.id, { missingAt })
      if (isOverdue(punch) !== isOverdue({ ...punch, missingAt })) changed()
    } else {
      if (answer.status === 401 && session && !renewed) {
        const outcome = await renewal(session)
        if (outcome === "refused") changed()
        if (outcome === "renewed") return askForAll(true)
      }
      // The database resumes, there is no network, or something between answers: it says nothing of the punch.
      quiet.until = performance.now() + Math.min(delay(++quiet.attempts, answer.asked), LONGEST_RECEIPT_MS)
      break
    }
    quiet.attempts = 0
    await new Promise(resolve => setTimeout(resolve, ASKED_TOGETHER_MS))
  }
  if (receipts.size === 0) return null
  const due = Math.min(...Array.from(receipts.values(), receipt => receipt.due))
  return Math.max(Math.max(due, quiet.until) - performance.now(), 0)
}
