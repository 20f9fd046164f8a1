/**
 * What this device keeps: its punches, and what it remembers. Each write is on the disk when its promise is kept.
 *
 * Punches, and what makes the device known, are kept twice: in IndexedDB, which is read, and in the replica. They share no
 * transaction, so whoever writes to both holds a lock. The replica is written first, for there alone a write can be taken
 * back when the disk is full; what was killed between the two is found in it, and goes on.
 */

import { forget, isLost, open, transact, when } from "./indexeddb.js"
import { NO_IDENTITY, identityOf, isSame, nameOf } from "./plan.js"
import { copy, identity, putChanged, reconcileOver } from "./reconcile.js"
import * as replica from "./replica.js"
import { isSilence } from "./rules.js"

/**
 * A punch. `body` is what is sent, but for `enviado`.
 * @typedef {{order: number, state: "waiting" | "sent" | "recorded" | "refused" | "conflict", body: object, sentAt?: number,
 *     missingAt?: number, status?: number, reason?: string}} Punch
 *     sentAt: ms since the epoch, when it was accepted; missingAt: likewise, when it was last found to be no row; status and
 *     reason of a refusal
 */

const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"

const LOCK_MS = 60_000 // a press waits no longer for the lock
const STORES = "stores" // the lock: of all tabs and the worker, one at a time writes to both
let reconciled = null // the connection over which it was tried
let failure = null // of the second store, or of reconciling the two

/**
 * Work over a connection; over another one when the browser has lost the first.
 * @param {(connection: IDBDatabase) => Promise<any>} work
 */
async function connected(work, tries = 2) {
  let connection = null
  try {
    connection = await open()
    return await work(connection)
  } catch (error) {
    if (connection && (isLost(error) || isSilence(error))) forget(connection)
    if (tries === 1 || !isLost(error)) throw error
    return connected(work, tries - 1)
  }
}

/** Work while nobody else writes to both stores. What was opened anew, or failed last time, is reconciled before. */
function locked(work, { retries = true, ...options } = {}) {
  return navigator.locks.request(STORES, options, () =>
    connected(async connection => {
      if (connection !== reconciled || (failure && retries)) await attempt(() => reconcileOver(connection))
      reconciled = connection
      return work(connection)
    }),
  )
}

/** Note a failure instead of throwing it: the first store is enough to send by. */
async function attempt(work) {
  try {
    await work()
    failure = null
  } catch (error) {
    failure = error
    console.error(error)
  }
}

/** Run a transaction of the first store only. */
function run(mode, work) {
  return connected(async connection => {
    if (connection !== reconciled) await locked(() => {})
    return transact(connection, mode, work)
  })
}

/** @returns {boolean} whether one of the two stores could not be written or read lately: no punch is kept until it can */
export function isFailing() {
  return failure !== null
}

/** @returns {boolean} whether that is because it did not answer */
export function isSilent() {
  return failure !== null && isSilence(failure)
}

/** Change what is kept twice of the device: in both stores, or in none. */
async function identify(connection, change) {
  const before = await identity(connection)
  const after = { ...before, ...change(before), revision: before.revision + 1 }
  if (isSame(after, { ...before, revision: after.revision })) return before
  if (failure) throw failure
  try {
    await replica.write(identityOf(after.revision), after)
    await transact(connection, "readwrite", (_, settings) => putChanged(settings, before, after))
  } catch (error) {
    await replica.remove(identityOf(after.revision)).catch(() => (failure = error)) // reconciled later
    throw error
  }
  await attempt(() => replica.remove(identityOf(before.revision))) // both have the later one
  return after
}

/**
 * Give the device with its next number. A replica that was lost meanwhile, or that has this number of a press that was
 * killed, is reconciled before.
 */
async function numbered(connection) {
  const { device, revision } = await identify(connection, ({ device }) => ({ device: device ?? newDevice("") }))
  const next = { body: { ...device, sequencia: device.next }, state: "waiting" }
  const [isUsed, isThere] = await Promise.all([replica.has(nameOf(next)), replica.has(identityOf(revision))])
  if (isThere && !isUsed) return device
  await reconcileOver(connection)
  return (await identity(connection)).device
}

/** Reconcile the two stores, though nothing was opened anew, or try it again. `isFailing` says how it went. */
export function reconcile() {
  if (!failure) reconciled = null
  return locked(() => {})
}

const inState = state => IDBKeyRange.bound([state, 0], [state, Infinity])

/** A name of this installation: a phone that is set up anew is another device, not a copy. */
function newDevice(name) {
  const random = crypto.getRandomValues(new Uint8Array(8))
  const suffix = Array.from(random, byte => LETTERS[byte % LETTERS.length]).join("")
  return { name, dispositivo: `${name || "web"}-${suffix}`, next: 1 }
}

/**
 * Keep a punch, with the device's next number, in both stores.
 * @param {object} body its fields but `dispositivo` and `sequencia`
 * @param {number} apart ms: where the employee has another punch that is less than this older, nothing is kept
 * @returns {Promise<Punch>} once it could be read back from both; or that other one. When it fails, neither has it, and its
 *     number is free; but for a `TakeBackError`, after which it may be there
 */
export function add(body, apart = 0) {
  const press = async connection => {
    if (failure) throw failure
    const other = apart > 0 && (await newestOf(connection, body, apart))
    if (other) return other
    const device = await numbered(connection)
    const punch = { state: "waiting", body: { ...body, dispositivo: device.dispositivo, sequencia: device.next } }
    let order
    try {
      await copy(punch)
      order = await transact(connection, "readwrite", (punches, settings, give) => {
        settings.put({ ...device, next: device.next + 1 }, "device")
        when(punches.add(punch), give)
      })
      const found = await transact(connection, "readonly", (punches, _, give) => when(punches.get(order), give))
      if (!isSame(found, { ...punch, order })) throw new Error("the punch could not be read back")
      return found
    } catch (error) {
      if (isSilence(error) && order === undefined) throw unsure(error) // it may be written yet
      await takeBack(connection, punch, device, order)
      throw error
    }
  }
  return locked(press, { signal: AbortSignal.timeout(LOCK_MS) })
}

/** Give the newest punch of the same employee that is less than `apart` ms older, unless it was refused. */
function newestOf(connection, { usuarioId, ponto }, apart) {
  return transact(connection, "readonly", (punches, _, give) =>
    when(punches.openCursor(null, "prev"), function step(cursor) {
      const age = cursor && Date.parse(ponto) - Date.parse(cursor.value.body.ponto)
      if (!cursor || age < 0 || age >= apart) return // so are all that are older
      const { state, body } = cursor.value
      if (body.usuarioId === usuarioId && !["refused", "conflict"].includes(state)) give(cursor.value)
      else cursor.continue()
    }),
  )
}

async function takeBack(connection, punch, device, order) {
  try {
    if (order !== undefined)
      await transact(connection, "readwrite", (punches, settings) => {
        punches.delete(order)
        settings.put(device, "device")
      })
    await replica.remove(nameOf(punch))
  } catch (error) {
    throw unsure(error)
  }
}

/** Give the error of a press that may have been kept. What is left is reconciled before the next number is given. */
function unsure(error) {
  failure = error
  return Object.assign(new Error(error.message, { cause: error }), { name: "TakeBackError" })
}

/** @returns {Promise<Punch | undefined>} the oldest of an employee that is to be sent; of anybody, where that is null */
export function oldestWaiting(employee) {
  return run("readonly", (punches, _, give) =>
    when(punches.index("state").openCursor(inState("waiting")), function step(cursor) {
      if (!cursor) return
      if (employee === null || cursor.value.body.usuarioId === employee) give(cursor.value)
      else cursor.continue()
    }),
  )
}

/**
 * Note what became of a punch. One that is gone, for somebody has cleared the storage, does not come back as half of it.
 * @param {string} id
 * @param {Partial<Punch>} changes
 */
export function mark(id, changes) {
  const work = async connection => {
    const [before, after] = await transact(connection, "readwrite", (punches, _, give) => {
      give([])
      when(punches.index("id").get(id), punch => {
        if (!punch) return
        give([punch, { ...punch, ...changes }])
        punches.put({ ...punch, ...changes })
      })
    })
    if (failure || before?.state === after?.state) return // reconciled later; when it was missing is found out again
    await attempt(async () => {
      await copy(after)
      await replica.remove(nameOf(before))
    })
  }
  return locked(work, { retries: false }) // or each punch that is sent would wait for a store that is silent
}

/** @returns {Promise<Punch[]>} all in a state, oldest first */
export function all(state) {
  return run("readonly", (punches, _, give) => when(punches.index("state").getAll(inState(state)), give))
}

/** @returns {Promise<number>} how many are in a state */
export function count(state) {
  return run("readonly", (punches, _, give) => when(punches.index("state").count(inState(state)), give))
}

/** @returns {Promise<Punch[]>} everything, oldest first */
export function everything() {
  return run("readonly", (punches, _, give) => when(punches.getAll(), give))
}

/** @returns {Promise<Punch[]>} at most so many in a state, the newest first; however many there are, no more are read */
export function newest(state, most) {
  return run("readonly", (punches, _, give) => {
    const found = []
    give(found)
    when(punches.index("state").openCursor(inState(state), "prev"), function step(cursor) {
      if (!cursor) return
      if (found.push(cursor.value) < most) cursor.continue()
    })
  })
}

/** @returns {Promise<Record<string, any>>} what is remembered by these names; null where nothing is */
export function remembered(...names) {
  return run("readonly", (_, settings, give) => {
    const found = {}
    for (const name of names) when(settings.get(name), value => (found[name] = value ?? null))
    give(found)
  })
}

/** Remember something by its name. */
export function remember(name, value) {
  if (name in NO_IDENTITY) return locked(connection => identify(connection, () => ({ [name]: value })))
  return run("readwrite", (_, settings) => settings.put(value, name))
}

/**
 * Remember something by what is remembered when it is written, in one transaction: another tab may have been faster.
 * @param {string[]} names of what it depends on
 * @param {(found: Record<string, any>) => Record<string, any>} change gives what is to be remembered, by its name
 */
export function update(names, change) {
  return run("readwrite", (_, settings) => {
    const found = {}
    for (const [index, name] of names.entries())
      when(settings.get(name), value => {
        found[name] = value ?? null
        if (index < names.length - 1) return
        for (const [changed, given] of Object.entries(change(found))) settings.put(given, changed)
      })
  })
}

/** Name this device. Another name is another device, whose numbers begin at 1: none is missing of either. */
export function rename(name) {
  return locked(connection =>
    identify(connection, ({ device }) => (device?.name === name ? {} : { device: newDevice(name) })),
  )
}
