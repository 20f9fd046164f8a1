/**
 * Tests of the outbox. `test_outbox_rules.py` runs them on a copy of the page's files, with a database in memory, planned
 * responses of the server, and a clock that advances while the outbox waits.
 */

import assert from "node:assert/strict"
import { beforeEach, test } from "node:test"

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const POOL = { token: "https://pool/token", revoke: "https://pool/revoke", logout: "https://pool/logout", client: "client" }
let now = Date.parse("2026-10-01T11:00:00Z")
let order = 0
let settings, punches, requests, plannedResponses, receiptResponse, tokenResponse

globalThis.database = {
  listPunches: async state => punches.filter(punch => punch.state === state),
  updatePunch: async (id, changes) => void Object.assign(punches.find(({ body }) => body.id === id), changes),
  findOldestWaiting: async employee =>
    punches.find(({ state, body }) => state === "waiting" && (employee === null || body.usuarioId === employee)),
  saveSetting: async (name, value) => void (settings[name] = value),
  getSettings: async (...names) => Object.fromEntries(names.map(name => [name, settings[name] ?? null])),
  updateSettings: async (names, change) => void Object.assign(settings, change(await database.getSettings(...names))),
}
const locks = { request: (_, ...more) => more.at(-1)({}) }
Object.defineProperty(globalThis, "navigator", { value: { locks, onLine: true } })
globalThis.BroadcastChannel = class {
  postMessage() {}
}
globalThis.dispatchEvent = () => {}
globalThis.Date = class extends Date {
  constructor(...parts) {
    super(...(parts.length ? parts : [now]))
  }
  static now() {
    return now
  }
}
performance.now = () => now
AbortSignal.timeout = ms => ({ ms })
globalThis.setTimeout = (work, ms) => {
  now += ms
  queueMicrotask(work)
}
/** A response is a status, or [status, headers, body], or "timeout". */
globalThis.fetch = async (address, { method = "GET", headers = {}, body, signal }) => {
  const name = String(address).replace(/.*\//, "")
  requests.push({ at: now, name, method, key: headers["x-api-key"], token: headers.authorization, body })
  let response
  if (name === "config.json") response = [200, {}, { signIn: POOL }]
  else if (name === "revoke") response = "timeout"
  else if (name === "token") response = await tokenResponse(body)
  else if (method === "POST") response = (await plannedResponses.shift()) ?? 202
  else response = receiptResponse(punches.find(punch => punch.body.id === name))
  if (response === "timeout") {
    now += signal.ms
    throw new DOMException("", "TimeoutError")
  }
  const [status, responseHeaders, content] = [response].flat()
  const text = typeof content === "string" ? content : JSON.stringify(content ?? { message: `made up: ${status}` })
  return new Response(text, { status, headers: responseHeaders })
}

const { collectReceipts, endWaits, sendWaiting, setTokenRenewal } = await import("./outbox.js")
const { renewToken, signOut } = await import("./sign-in.js")
setTokenRenewal(renewToken)

beforeEach(() => {
  now += 30 * DAY // the outbox keeps the times of its requests from test to test
  settings = { key: "first" }
  punches = []
  requests = []
  plannedResponses = []
  receiptResponse = () => 404
  tokenResponse = () => assert.fail("unexpected request for a token")
})

function press(usuarioId = 123, ponto = new Date(now).toISOString()) {
  punches.push({ order: ++order, state: "waiting", body: { id: `${order}`, usuarioId, ponto, sequencia: punches.length + 1 } })
}

/** Presses the button several times, and sends as the page does: again after each wait. */
async function sendAll(presses = 0) {
  for (let times = 0; times < presses; times++) press()
  for (let wait = await sendWaiting(); wait !== null; wait = await sendWaiting()) now += wait
}

const states = () => punches.map(({ state }) => state)
const posts = () => requests.filter(({ method, name }) => method === "POST" && name === "ponto")
const receipts = () => requests.filter(({ method, name }) => method === "GET" && name !== "config.json")
const numbers = () => posts().map(({ body }) => JSON.parse(body).sequencia)
const waitAfter = index => posts()[index + 1].at - posts()[index].at
/** Stores a session with a token. */
const signIn = (token, employee = 123) => (settings.session = { token, refresh: "refresh", employee })
const createToken = employee => `h.${btoa(JSON.stringify({ "custom:usuarioId": String(employee) }))}.s`

test("after a failure a punch is sent again with the same id, after longer and longer waits", async () => {
  plannedResponses = [408, 429, 500, 503, 404, 200, 301]

  await sendAll(2)

  assert.deepEqual(states(), ["sent", "sent"])
  assert.deepEqual(numbers(), [1, 1, 1, 1, 1, 1, 1, 1, 2])
  const waits = Array.from({ length: 7 }, (_, index) => waitAfter(index))
  assert.ok(waits.every((wait, attempt) => wait >= 1000 * 2 ** attempt), String(waits))
  assert.equal(settings.retry, null)
})

test("a request times out after more than the gateway's 29 s, and then the sending continues", async () => {
  plannedResponses = ["timeout"]
  await sendAll(2)
  assert.deepEqual(numbers(), [1, 1, 2])
  assert.ok(waitAfter(0) > 29_000 && waitAfter(0) < MINUTE)
  const [{ enviado, ...first }, { enviado: later, ...second }] = posts().map(({ body }) => JSON.parse(body))
  assert.deepEqual(first, second)
  assert.ok(later > enviado) // only the time of sending differs
})

test("a page that becomes visible ends the wait after a timeout, but not a Retry-After", async () => {
  plannedResponses = ["timeout", [429, { "retry-after": "60" }]]
  press()
  await sendWaiting()
  await endWaits(false)
  assert.ok((await sendWaiting()) >= MINUTE)
  await endWaits(true)
  assert.ok((await sendWaiting()) >= MINUTE)
  assert.equal(posts().length, 2)
})

test("a refused punch keeps its status and reason, and the next punch is sent", async () => {
  plannedResponses = [400, [413, {}, { message: "x".repeat(400) }], 415]
  await sendAll(4)
  assert.deepEqual(states(), ["refused", "refused", "refused", "sent"])
  assert.deepEqual(punches.slice(0, 3).map(({ status }) => status), [400, 413, 415])
  assert.deepEqual(punches.map(({ reason }) => reason?.length), [12, 300, 12, undefined])
  assert.deepEqual(numbers(), [1, 2, 3, 4])
})

for (const status of [401, 403])
  test(`after a ${status} the key is tried with one punch: every 10 minutes, when the page becomes visible, and with another key`, async () => {
    plannedResponses = [status, status, status]
    press()
    press()
    assert.equal(await sendWaiting(), 10 * MINUTE)
    await endWaits(false) // by the background sync
    assert.equal(await sendWaiting(), 10 * MINUTE)
    await endWaits(true)
    assert.equal(await sendWaiting(), 10 * MINUTE)
    now += 10 * MINUTE
    assert.equal(await sendWaiting(), 10 * MINUTE)
    assert.deepEqual(numbers(), [1, 1, 1])

    settings.key = "second"
    await sendWaiting()
    assert.deepEqual(states(), ["sent", "sent"])
    assert.deepEqual(posts().map(({ key }) => key), ["first", "first", "first", "second", "second"])
    assert.equal(settings.refusedKey, null)
  })

/** Returns a response with the receipt of a punch, in the function's format. */
const createReceipt = ({ body: { id, usuarioId, ponto } }, changes = {}) => [200, {}, { situacao: "gravada", id, usuarioId, ponto, ...changes }]

/** Requests receipts as the page does, until a time or until no receipt is missing. */
async function requestReceiptsUntil(end) {
  for (let wait = await collectReceipts(); wait !== null && now + wait < end; wait = await collectReceipts()) now += wait
}

test("a punch with a receipt is recorded, and its receipt is not requested again", async () => {
  const firstResponses = [503, 404, [200, {}, { situacao: "gravada", id: "of another" }]]
  receiptResponse = punch => firstResponses.shift() ?? createReceipt(punch)
  await sendAll(2)
  await requestReceiptsUntil(now + DAY)
  assert.deepEqual(states(), ["recorded", "recorded"])
  const requestCount = receipts().length
  await sendAll(1)
  await requestReceiptsUntil(now + DAY)
  assert.deepEqual(new Set(receipts().slice(requestCount).map(({ name }) => name)), new Set([punches[2].body.id]))
})

test("a receipt of another punch is a conflict, which is neither sent nor requested again", async () => {
  receiptResponse = punch => createReceipt(punch, [{}, { usuarioId: 124 }, { ponto: "2026-10-01T12:00:00.001Z" }][punch.body.sequencia - 1])
  await sendAll(3)
  await requestReceiptsUntil(now + DAY)
  assert.deepEqual(states(), ["recorded", "conflict", "conflict"])
  const requestCount = requests.length
  await sendAll()
  await requestReceiptsUntil(now + DAY)
  assert.equal(requests.length, requestCount)
})

test("a missing receipt is requested every 10 minutes, and two weeks after its punch was sent once a day", async () => {
  const start = now
  await sendAll(1)
  await requestReceiptsUntil(start + 20 * DAY)
  const times = receipts().map(({ at }) => at)
  const waits = times.slice(1).map((at, index) => at - times[index])
  const early = waits.filter((_, index) => times[index] - start < 14 * DAY)
  assert.ok(Math.max(...early) <= 10 * MINUTE + 200)
  assert.ok(waits.slice(early.length).every(wait => Math.abs(wait - DAY) < MINUTE), String(waits.slice(early.length)))
  assert.equal(waits.length - early.length, 5)
})

test("an expired token is renewed, for punches and for receipts", async () => {
  signIn("old")
  tokenResponse = fields => {
    assert.equal(String(fields), "client_id=client&grant_type=refresh_token&refresh_token=refresh")
    return [200, {}, { id_token: createToken(123) }]
  }
  plannedResponses = [401]
  await sendAll(1)
  assert.deepEqual(posts().map(({ token }) => token), ["old", createToken(123)])
  signIn("old")
  receiptResponse = punch => (settings.session.token === "old" ? 401 : createReceipt(punch))
  await requestReceiptsUntil(now + DAY)
  assert.deepEqual(states(), ["recorded"])
})

for (const [name, response, outcome] of [
  ["of another employee", [200, {}, { id_token: createToken(124) }], "refused"],
  ["without an employee", [200, {}, { id_token: "no token" }], "refused"],
  ["that is refused", [400, {}, { error: "invalid_grant" }], "refused"],
  ["that is throttled", [429, {}, {}], "again"],
  ["that fails", [500, {}, {}], "again"],
  ["answered by an intermediary", [200, {}, "<html>"], "again"],
  ["without an answer", "timeout", "again"],
])
  test(`a renewal ${name}: ${outcome}`, async () => {
    tokenResponse = () => response
    for (const run of [sendWaiting, collectReceipts]) {
      signIn("old")
      settings.retry = settings.refusedKey = null
      press()
      if (run === collectReceipts) punches.at(-1).state = "sent"
      receiptResponse = () => 401
      plannedResponses = [401, 401]
      await run()
      now += MINUTE
      const wait = await run()
      if (outcome === "refused") assert.equal(settings.session, null)
      else {
        assert.equal(settings.session.token, "old")
        assert.ok(wait < 10 * MINUTE) // the next attempt is scheduled
        assert.equal(settings.refusedKey ?? null, null)
      }
      assert.ok(states().every(state => state !== "refused"))
    }
  })

test("a refusal of an older session or before the sign-in does not stop a newer session", async () => {
  press()
  plannedResponses = [Promise.resolve().then(() => (signIn("new"), 401))]
  await sendAll()
  assert.deepEqual(posts().map(({ token }) => token), [undefined, "new"])
  assert.ok(waitAfter(0) < MINUTE)

  signIn("old")
  tokenResponse = () => (signIn("newer"), [400, {}, { error: "invalid_grant" }])
  plannedResponses = [401]
  await sendAll(1)
  assert.equal(settings.session.token, "newer")
  assert.deepEqual(states(), ["sent", "sent"])
})

test("a sign-out while a token is being renewed is not undone", async () => {
  signIn("old")
  tokenResponse = () => ((settings.session = null), [200, {}, { id_token: createToken(123) }])
  plannedResponses = [401, 401]
  press()
  await sendWaiting()
  assert.equal(settings.session, null)
  assert.equal(posts()[1].token, undefined)
})

test("a sign-out goes to the user pool within seconds although the revocation gets no response", async () => {
  const start = now
  const visitedUrls = []
  globalThis.location = { assign: url => visitedUrls.push(`${url.origin}${url.pathname}`) }
  console.error = () => {} // the reported error is expected
  assert.equal(await signOut({ refresh: "refresh" }), true)
  assert.deepEqual(visitedUrls, [POOL.logout])
  assert.equal(String(requests.at(-1).body), "client_id=client&token=refresh")
  assert.ok(now - start < 10_000)
})

test("punches wait for their own employee's sign-in", async () => {
  press(1)
  press(2)
  signIn("of 2", 2)
  await sendAll()
  assert.deepEqual(states(), ["waiting", "sent"])
})
