/**
 * What the outbox does by what a server answers: a copy of the page's files, which `test_outbox_rules.py` makes, with a
 * database in memory, a server that answers what a test plans, and a clock that goes on while the outbox waits.
 */

import assert from "node:assert/strict"
import { beforeEach, test } from "node:test"

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const POOL = { token: "https://pool/token", revoke: "https://pool/revoke", logout: "https://pool/logout", client: "client" }
let now = Date.parse("2026-10-01T11:00:00Z")
let order = 0
let settings, punches, requests, answers, receipt, tokens

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
Date.now = () => now
performance.now = () => now
AbortSignal.timeout = ms => ({ ms })
globalThis.setTimeout = (work, ms) => {
  now += ms
  queueMicrotask(work)
}
/** An answer is a status, or [status, headers, body]; "silence": none comes within the time that the request has. */
globalThis.fetch = async (address, { method = "GET", headers = {}, body, signal }) => {
  const name = String(address).replace(/.*\//, "")
  requests.push({ at: now, name, method, key: headers["x-api-key"], token: headers.authorization, body })
  let answer
  if (name === "config.json") answer = [200, {}, { signIn: POOL }]
  else if (name === "revoke") answer = "silence"
  else if (name === "token") answer = await tokens(body)
  else if (method === "POST") answer = (await answers.shift()) ?? 202
  else answer = receipt(punches.find(punch => punch.body.id === name))
  if (answer === "silence") {
    now += signal.ms
    throw new DOMException("", "TimeoutError")
  }
  const [status, given, content] = [answer].flat()
  const text = typeof content === "string" ? content : JSON.stringify(content ?? { message: `made up: ${status}` })
  return new Response(text, { status, headers: given })
}

const { collectReceipts, endWaits, sendWaiting, setTokenRenewal } = await import("./outbox.js")
const { renewToken, signOut } = await import("./sign-in.js")
setTokenRenewal(renewToken)

beforeEach(() => {
  now += 30 * DAY // the outbox remembers when it asked for what
  settings = { key: "first" }
  punches = []
  requests = []
  answers = []
  receipt = () => 404
  tokens = () => assert.fail("no token is asked for")
})

function press(usuarioId = 123, ponto = new Date(now).toISOString()) {
  punches.push({ order: ++order, state: "waiting", body: { id: `${order}`, usuarioId, ponto, sequencia: punches.length + 1 } })
}

/** Press so often, and send as the page does: again after each wait. */
async function sendAll(presses = 0) {
  for (let times = 0; times < presses; times++) press()
  for (let wait = await sendWaiting(); wait !== null; wait = await sendWaiting()) now += wait
}

const states = () => punches.map(({ state }) => state)
const posts = () => requests.filter(({ method, name }) => method === "POST" && name === "ponto")
const receipts = () => requests.filter(({ method, name }) => method === "GET" && name !== "config.json")
const numbers = () => posts().map(({ body }) => JSON.parse(body).sequencia)
const wait = index => posts()[index + 1].at - posts()[index].at
/** Sign in as an employee with a token that the server takes, or one that is too old. */
const signIn = (token, employee = 123) => (settings.session = { token, refresh: "refresh", employee })
const tokenOf = employee => `h.${btoa(JSON.stringify({ "custom:usuarioId": String(employee) }))}.s`

test("what is no answer of the queue's is tried again under its id, later each time", async () => {
  answers = [408, 429, 500, 503, 404, 200, 301]

  await sendAll(2)

  assert.deepEqual(states(), ["sent", "sent"])
  assert.deepEqual(numbers(), [1, 1, 1, 1, 1, 1, 1, 1, 2])
  const waits = Array.from({ length: 7 }, (_, index) => wait(index))
  assert.ok(waits.every((wait, attempt) => wait >= 1000 * 2 ** attempt), String(waits))
  assert.equal(settings.retry, null)
})

test("silence is given up after the gateway's own 29 s, and what waits goes on", async () => {
  answers = ["silence"]
  await sendAll(2)
  assert.deepEqual(numbers(), [1, 1, 2])
  assert.ok(wait(0) > 29_000 && wait(0) < MINUTE)
  const [{ enviado, ...first }, { enviado: later, ...second }] = posts().map(({ body }) => JSON.parse(body))
  assert.deepEqual(first, second)
  assert.ok(later > enviado) // the same punch, sent at another time
})

test("Retry-After is obeyed, whoever looks", async () => {
  answers = [[429, { "retry-after": "60" }]]
  press()
  assert.ok((await sendWaiting()) >= MINUTE)
  await endWaits(true)
  assert.ok((await sendWaiting()) >= MINUTE)
  assert.equal(posts().length, 1)
})

test("who has had no answer tries again as soon as somebody looks", async () => {
  answers = ["silence"]
  press()
  await sendWaiting()
  await endWaits(false)
  await sendWaiting()
  assert.deepEqual(states(), ["sent"])
})

test("what is refused keeps its status and its reason, and the next one goes on", async () => {
  answers = [400, [413, {}, { message: "x".repeat(400) }], 415]
  await sendAll(4)
  assert.deepEqual(states(), ["refused", "refused", "refused", "sent"])
  assert.deepEqual(punches.slice(0, 3).map(({ status }) => status), [400, 413, 415])
  assert.deepEqual(punches.map(({ reason }) => reason?.length), [12, 300, 12, undefined])
  assert.deepEqual(numbers(), [1, 2, 3, 4])
})

for (const status of [401, 403])
  test(`after a ${status} one punch tries the key: each 10 minutes, when somebody looks, and when there is another`, async () => {
    answers = [status, status, status]
    press()
    press()
    assert.equal(await sendWaiting(), 10 * MINUTE)
    await endWaits(false) // of the background: nobody has looked
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

/** The answer of a punch that is a row, as the function writes it. */
const row = ({ body: { id, usuarioId, ponto } }, changes = {}) => [200, {}, { situacao: "gravada", id, usuarioId, ponto, ...changes }]

/** Ask for receipts as the page does, until a time has passed, or there is nothing to ask for. */
async function askUntil(end) {
  for (let wait = await collectReceipts(); wait !== null && now + wait < end; wait = await collectReceipts()) now += wait
}

test("a punch is recorded once its receipt says so, and is not asked for again", async () => {
  const before = [503, 404, [200, {}, { situacao: "gravada", id: "of another" }]]
  receipt = punch => before.shift() ?? row(punch)
  await sendAll(2)
  await askUntil(now + DAY)
  assert.deepEqual(states(), ["recorded", "recorded"])
  const asked = receipts().length
  await sendAll(1)
  await askUntil(now + DAY)
  assert.deepEqual(new Set(receipts().slice(asked).map(({ name }) => name)), new Set([punches[2].body.id]))
})

test("receipts are asked for while a later punch waits", async () => {
  answers = [202, [500, { "retry-after": "3600" }]]
  receipt = row
  press()
  press()
  await sendWaiting()
  await askUntil(now + MINUTE)
  assert.deepEqual(states(), ["recorded", "waiting"])
})

test("a receipt of another punch is a conflict, which is neither sent nor asked for again", async () => {
  receipt = punch => row(punch, [{}, { usuarioId: 124 }, { ponto: "2026-10-01T12:00:00.001Z" }][punch.body.sequencia - 1])
  await sendAll(3)
  await askUntil(now + DAY)
  assert.deepEqual(states(), ["recorded", "conflict", "conflict"])
  const asked = requests.length
  await sendAll()
  await askUntil(now + DAY)
  assert.equal(requests.length, asked)
})

test("a receipt is asked for each 10 minutes, and two weeks after its punch was sent once a day", async () => {
  const start = now
  await sendAll(1)
  await askUntil(start + 20 * DAY)
  const times = receipts().map(({ at }) => at)
  const waits = times.slice(1).map((at, index) => at - times[index])
  const early = waits.filter((_, index) => times[index] - start < 14 * DAY)
  assert.ok(Math.max(...early) <= 10 * MINUTE + 200)
  assert.ok(waits.slice(early.length).every(wait => Math.abs(wait - DAY) < MINUTE), String(waits.slice(early.length)))
  assert.equal(waits.length - early.length, 5)
})

test("a token that is too old is renewed, for punches and for receipts", async () => {
  signIn("old")
  tokens = fields => {
    assert.equal(String(fields), "client_id=client&grant_type=refresh_token&refresh_token=refresh")
    return [200, {}, { id_token: tokenOf(123) }]
  }
  answers = [401]
  await sendAll(1)
  assert.deepEqual(posts().map(({ token }) => token), ["old", tokenOf(123)])
  signIn("old")
  receipt = punch => (settings.session.token === "old" ? 401 : row(punch))
  await askUntil(now + DAY)
  assert.deepEqual(states(), ["recorded"])
})

for (const [name, answer, outcome] of [
  ["of another employee", [200, {}, { id_token: tokenOf(124) }], "refused"],
  ["without an employee", [200, {}, { id_token: "no token" }], "refused"],
  ["that is refused", [400, {}, { error: "invalid_grant" }], "refused"],
  ["that is throttled", [429, {}, {}], "again"],
  ["that fails", [500, {}, {}], "again"],
  ["that something in between answers", [200, {}, "<html>"], "again"],
  ["without an answer", "silence", "again"],
])
  test(`a renewal ${name}: ${outcome}`, async () => {
    tokens = () => answer
    for (const ask of [sendWaiting, collectReceipts]) {
      signIn("old")
      settings.retry = settings.refusedKey = null
      press()
      if (ask === collectReceipts) punches.at(-1).state = "sent"
      receipt = () => 401
      answers = [401, 401]
      await ask()
      now += MINUTE
      const wait = await ask()
      if (outcome === "refused") assert.equal(settings.session, null)
      else {
        assert.equal(settings.session.token, "old")
        assert.ok(wait < 10 * MINUTE) // it is tried again
        assert.equal(settings.refusedKey ?? null, null)
      }
      assert.ok(states().every(state => state !== "refused"))
    }
  })

test("what is refused before a sign-in, or ended by an older session, stops no newer one", async () => {
  press()
  answers = [Promise.resolve().then(() => (signIn("new"), 401))]
  await sendAll()
  assert.deepEqual(posts().map(({ token }) => token), [undefined, "new"])
  assert.ok(wait(0) < MINUTE)

  signIn("old")
  tokens = () => (signIn("newer"), [400, {}, { error: "invalid_grant" }])
  answers = [401]
  await sendAll(1)
  assert.equal(settings.session.token, "newer")
  assert.deepEqual(states(), ["sent", "sent"])
})

test("who signs out while a token is renewed stays out", async () => {
  signIn("old")
  tokens = () => ((settings.session = null), [200, {}, { id_token: tokenOf(123) }])
  answers = [401, 401]
  press()
  await sendWaiting()
  assert.equal(settings.session, null)
  assert.equal(posts()[1].token, undefined)
})

test("who signs out goes to the user pool though nobody answers the revocation, and within seconds", async () => {
  const start = now
  const places = []
  globalThis.location = { assign: url => places.push(`${url.origin}${url.pathname}`) }
  console.error = () => {} // it says why
  assert.equal(await signOut({ refresh: "refresh" }), true)
  assert.deepEqual(places, [POOL.logout])
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
