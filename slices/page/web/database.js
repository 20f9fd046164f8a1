/**
 * What this device keeps: its punches, and what it remembers. Each write is on the disk when its promise is kept.
 *
 * Punches, and what makes the device known, are kept twice: in IndexedDB, which is read, and in the replica. They share no
 * transaction, so whoever writes to both holds a lock. The replica is written first, for there alone a write can be taken
 * back when the disk is full; what was killed between the two is found in it, and goes on.
 */

import { closeConnection, isConnectionLost, openConnection, transact, onSuccess } from "./indexeddb.js"
import { NO_IDENTITY, identityName, isEqual, copyName } from "./plan.js"
import { writeCopy, readIdentity, putChangedIdentity, reconcileStores } from "./reconcile.js"
import * as replica from "./replica.js"
import { isTimeout } from "./rules.js"

/**
 * A punch. `body` is what is sent, but for `enviado`.
 * @typedef {{order: number, state: "waiting" | "sent" | "recorded" | "refused" | "conflict", body: object, sentAt?: number,
 *     missingAt?: number, status?: number, reason?: string}} Punch
 *     sentAt: ms since the epoch, when it was accepted; missingAt: likewise, when it was last found to be no row; status and
 *     reason of a refusal
 */

const SUFFIX_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"

const MAX_LOCK_WAIT_MS = 60_000 // a press waits no longer for the lock
const STORES_LOCK = "stores" // the lock: of all tabs and the worker, one at a time writes to both
let reconciledConnection = null // the connection over which it was tried
let failure = null // of the second store, or of reconciling the two

/**
 * Work over a connection; over another one when the browser has lost the first.
 * @param {(connection: IDBDatabase) => Promise<any>} work
 */
async function withConnection(work, tries = 2) {
  let connection = null
  try {
    connection = await openConnection()
    return await work(connection)
  } catch (error) {
    if (connection && (isConnectionLost(error) || isTimeout(error))) closeConnection(connection)
    if (tries === 1 || !isConnectionLost(error)) throw error
    return withConnection(work, tries - 1)
  }
}

/** Work while nobody else writes to both stores. What was opened anew, or failed last time, is reconciled before. */
function withLock(work, { retries = true, ...options } = {}) {
  return navigator.locks.request(STORES_LOCK, options, () =>
    withConnection(async connection => {
      if (connection !== reconciledConnection || (failure && retries)) await runNotingFailure(() => reconcileStores(connection))
      reconciledConnection = connection
      return work(connection)
    }),
  )
}

/** Note a failure instead of throwing it: the first store is enough to send by. */
async function runNotingFailure(work) {
  try {
    await work()
    failure = null
  } catch (error) {
    failure = error
    console.error(error)
  }
}

/** Run a transaction of the first store only. */
function runTransaction(mode, work) {
  return withConnection(async connection => {
    if (connection !== reconciledConnection) await withLock(() => {})
    return transact(connection, mode, work)
  })
}

/** @returns {boolean} whether one of the two stores could not be written or read lately: no punch is kept until it can */
export function isFailing() {
  return failure !== null
}

/** @returns {boolean} whether that is because it did not answer */
export function isUnresponsive() {
  return failure !== null && isTimeout(failure)
}

/** Change what is kept twice of the device: in both stores, or in none. */
async function updateIdentity(connection, change) {
  const before = await readIdentity(connection)
  const after = { ...before, ...change(before), revision: before.revision + 1 }
  if (isEqual(after, { ...before, revision: after.revision })) return before
  if (failure) throw failure
  try {
    await replica.writeValue(identityName(after.revision), after)
    await transact(connection, "readwrite", (_, settings) => putChangedIdentity(settings, before, after))
  } catch (error) {
    await replica.removeValue(identityName(after.revision)).catch(() => (failure = error)) // reconciled later
    throw error
  }
  await runNotingFailure(() => replica.removeValue(identityName(before.revision))) // both have the later one
  return after
}

/**
 * Give the device with its next number. A replica that was lost meanwhile, or that has this number of a press that was
 * killed, is reconciled before.
 */
async function nextDevice(connection) {
  const { device, revision } = await updateIdentity(connection, ({ device }) => ({ device: device ?? newDevice("") }))
  const next = { body: { ...device, sequencia: device.next }, state: "waiting" }
  const [isUsed, isThere] = await Promise.all([replica.hasValue(copyName(next)), replica.hasValue(identityName(revision))])
  if (isThere && !isUsed) return device
  await reconcileStores(connection)
  return (await readIdentity(connection)).device
}

/** Reconcile the two stores, though nothing was opened anew, or try it again. `isFailing` says how it went. */
export function reconcile() {
  if (!failure) reconciledConnection = null
  return withLock(() => {})
}

const stateRange = state => IDBKeyRange.bound([state, 0], [state, Infinity])

/** A name of this installation: a phone that is set up anew is another device, not a copy. */
function newDevice(name) {
  const random = crypto.getRandomValues(new Uint8Array(8))
  const suffix = Array.from(random, byte => SUFFIX_LETTERS[byte % SUFFIX_LETTERS.length]).join("")
  return { name, dispositivo: `${name || "web"}-${suffix}`, next: 1 }
}

/**
 * Keep a punch, with the device's next number, in both stores.
 * @param {object} body its fields but `dispositivo` and `sequencia`
 * @param {number} apart ms: where the employee has another punch that is less than this older, nothing is kept
 * @returns {Promise<Punch>} once it could be read back from both; or that other one. When it fails, neither has it, and its
 *     number is free; but for a `UncertainWriteError`, after which it may be there
 */
export function addPunch(body, minGapMs = 0) {
  const press = async connection => {
    if (failure) throw failure
    const other = minGapMs > 0 && (await findRecentPunch(connection, body, minGapMs))
    if (other) return other
    const device = await nextDevice(connection)
    const punch = { state: "waiting", body: { ...body, dispositivo: device.dispositivo, sequencia: device.next } }
    let order
    try {
      await writeCopy(punch)
      order = await transact(connection, "readwrite", (punches, settings, setResult) => {
        settings.put({ ...device, next: device.next + 1 }, "device")
        onSuccess(punches.add(punch), setResult)
      })
      const result = await transact(connection, "readonly", (punches, _, setResult) => onSuccess(punches.get(order), setResult))
      if (!isEqual(result, { ...punch, order })) throw new Error("the punch could not be read back")
      return result
    } catch (error) {
      if (isTimeout(error) && order === undefined) throw uncertainError(error) // it may be written yet
      await rollBack(connection, punch, device, order)
      throw error
    }
  }
  return withLock(press, { signal: AbortSignal.timeout(MAX_LOCK_WAIT_MS) })
}

/** Give the newest punch of the same employee that is less than `apart` ms older, unless it was refused. */
function findRecentPunch(connection, { usuarioId, ponto }, minGapMs) {
  return transact(connection, "readonly", (punches, _, setResult) =>
    onSuccess(punches.openCursor(null, "prev"), function step(cursor) {
      const age = cursor && Date.parse(ponto) - Date.parse(cursor.value.body.ponto)
      if (!cursor || age < 0 || age >= minGapMs) return // so are all that are older
      const { state, body } = cursor.value
      if (body.usuarioId === usuarioId && !["refused", "conflict"].includes(state)) setResult(cursor.value)
      else cursor.continue()
    }),
  )
}

async function rollBack(connection, punch, device, order) {
  try {
    if (order !== undefined)
      await transact(connection, "readwrite", (punches, settings) => {
        punches.delete(order)
        settings.put(device, "device")
      })
    await replica.removeValue(copyName(punch))
  } catch (error) {
    throw uncertainError(error)
  }
}

/** Give the error of a press that may have been kept. What is left is reconciled before the next number is given. */
function uncertainError(error) {
  failure = error
  return Object.assign(new Error(error.message, { cause: error }), { name: "UncertainWriteError" })
}

/** @returns {Promise<Punch | undefined>} the oldest of an employee that is to be sent; of anybody, where that is null */
export function findOldestWaiting(employee) {
  return runTransaction("readonly", (punches, _, setResult) =>
    onSuccess(punches.index("state").openCursor(stateRange("waiting")), function step(cursor) {
      if (!cursor) return
      if (employee === null || cursor.value.body.usuarioId === employee) setResult(cursor.value)
      else cursor.continue()
    }),
  )
}

/**
 * Note what became of a punch. One that is gone, for somebody has cleared the storage, does not come back as half of it.
 * @param {string} id
 * @param {Partial<Punch>} changes
 */
export function updatePunch(id, changes) {
  const work = async connection => {
    const [before, after] = await transact(connection, "readwrite", (punches, _, setResult) => {
      setResult([])
      onSuccess(punches.index("id").get(id), punch => {
        if (!punch) return
        setResult([punch, { ...punch, ...changes }])
        punches.put({ ...punch, ...changes })
      })
    })
    if (failure || before?.state === after?.state) return // reconciled later; when it was missing is found out again
    await runNotingFailure(async () => {
      await writeCopy(after)
      await replica.removeValue(copyName(before))
    })
  }
  return withLock(work, { retries: false }) // or each punch that is sent would wait for a store that is silent
}

/** @returns {Promise<Punch[]>} all in a state, oldest first */
export function listPunches(state) {
  return runTransaction("readonly", (punches, _, setResult) => onSuccess(punches.index("state").getAll(stateRange(state)), setResult))
}

/** @returns {Promise<number>} how many are in a state */
export function countPunches(state) {
  return runTransaction("readonly", (punches, _, setResult) => onSuccess(punches.index("state").count(stateRange(state)), setResult))
}

/** @returns {Promise<Punch[]>} everything, oldest first */
export function listAllPunches() {
  return runTransaction("readonly", (punches, _, setResult) => onSuccess(punches.getAll(), setResult))
}

/** @returns {Promise<Punch[]>} at most so many in a state, the newest first; however many there are, no more are read */
export function listNewestPunches(state, limit) {
  return runTransaction("readonly", (punches, _, setResult) => {
    const result = []
    setResult(result)
    onSuccess(punches.index("state").openCursor(stateRange(state), "prev"), function step(cursor) {
      if (!cursor) return
      if (result.push(cursor.value) < limit) cursor.continue()
    })
  })
}

/** @returns {Promise<Record<string, any>>} what is remembered by these names; null where nothing is */
export function getSettings(...names) {
  return runTransaction("readonly", (_, settings, setResult) => {
    const result = {}
    for (const name of names) onSuccess(settings.get(name), value => (result[name] = value ?? null))
    setResult(result)
  })
}

/** Remember something by its name. */
export function saveSetting(name, value) {
  if (name in NO_IDENTITY) return withLock(connection => updateIdentity(connection, () => ({ [name]: value })))
  return runTransaction("readwrite", (_, settings) => settings.put(value, name))
}

/**
 * Remember something by what is remembered when it is written, in one transaction: another tab may have been faster.
 * @param {string[]} names of what it depends on
 * @param {(found: Record<string, any>) => Record<string, any>} change gives what is to be remembered, by its name
 */
export function updateSettings(names, change) {
  return runTransaction("readwrite", (_, settings) => {
    const result = {}
    for (const [index, name] of names.entries())
      onSuccess(settings.get(name), value => {
        result[name] = value ?? null
        if (index < names.length - 1) return
        for (const [changed, given] of Object.entries(change(result))) settings.put(given, changed)
      })
  })
}

/** Name this device. Another name is another device, whose numbers begin at 1: none is missing of either. */
export function renameDevice(name) {
  return withLock(connection =>
    updateIdentity(connection, ({ device }) => (device?.name === name ? {} : { device: newDevice(name) })),
  )
}
