/**
 * The data of this device: its punches and its settings. A write is on the disk when its promise is fulfilled.
 *
 * Punches and the identity (device name, numbering, key, kiosk mode, PIN) are stored twice: in IndexedDB, which is read, and
 * in the replica. The stores share no transaction, so every write to both holds a lock. The replica is written first, because
 * only there a write can be undone on a full disk. If the page is killed between the two writes, the next reconciliation
 * copies the value from the replica.
 */

import { closeConnection, isConnectionLost, onSuccess, openConnection, transact } from "./indexeddb.js"
import { NO_IDENTITY, copyName, identityName, isEqual } from "./plan.js"
import { putChangedIdentity, readIdentity, reconcileStores, writeCopy } from "./reconcile.js"
import * as replica from "./replica.js"
import { REFUSED_STATES, isTimeout, uuid7 } from "./rules.js"

/**
 * A punch. `body` is the JSON that is sent, without `enviado`.
 * @typedef {{order: number, state: "waiting" | "sent" | "recorded" | "refused" | "conflict", body: object, sentAt?: number,
 *     missingAt?: number, status?: number, reason?: string}} Punch
 *     sentAt: when the API accepted the punch; missingAt: when its receipt was last requested and missing (both in ms since
 *     the epoch); status, reason: of a refusal
 */

const SUFFIX_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"

const MAX_LOCK_WAIT_MS = 60_000 // maximum wait of a press for the lock
const STORES_LOCK = "stores" // shared by all tabs and the worker; its holder may write to both stores
let reconciledConnection = null // the connection over which the stores were last reconciled, successfully or not
let failure = null // error of the second store or of the reconciliation; until it works again, no punch is accepted
let hasWriteFailed = false // the last write of a punch or of the identity

/**
 * Calls a function with a connection, and once more with another one if the browser has lost the first.
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

/** Calls a function while it holds the lock; reconciles the stores first, if the connection is new or the last try failed. */
function withLock(work, { retries = true, ...options } = {}) {
  return navigator.locks.request(STORES_LOCK, options, () =>
    withConnection(async connection => {
      if (connection !== reconciledConnection || (failure && retries))
        await runNotingFailure(() => reconcileStores(connection))
      reconciledConnection = connection
      return work(connection)
    }),
  )
}

/** Calls a function, and stores its error in `failure` instead of throwing it, because sending needs only the first store. */
async function runNotingFailure(work) {
  try {
    await work()
    failure = null
  } catch (error) {
    failure = error
    console.error(error)
  }
}

/** Runs a transaction of the first store only. */
function runTransaction(mode, work) {
  return withConnection(async connection => {
    if (connection !== reconciledConnection) await withLock(() => {})
    return transact(connection, mode, work)
  })
}

/** @returns {Error | null} the error of a store that failed at its last use */
export const getFailure = () => failure

/** @returns {boolean} whether the last write succeeded */
export const canWrite = () => failure === null && !hasWriteFailed

/** Notes whether a write to both stores succeeds, and returns its result. */
async function noteWrite(write) {
  try {
    const result = await write
    hasWriteFailed = false
    return result
  } catch (error) {
    hasWriteFailed = true
    throw error
  }
}

/** Changes the identity in both stores, or in neither. */
async function updateIdentity(connection, change) {
  const before = await readIdentity(connection)
  const after = { ...before, ...change(before), revision: before.revision + 1 }
  if (isEqual(after, { ...before, revision: after.revision })) return before
  if (failure) throw failure
  try {
    await replica.writeValue(identityName(after.revision), after)
    await transact(connection, "readwrite", (_, settings) => putChangedIdentity(settings, before, after))
  } catch (error) {
    await replica.removeValue(identityName(after.revision)).catch(() => (failure = error)) // the next reconciliation removes it
    throw error
  }
  await runNotingFailure(() => replica.removeValue(identityName(before.revision))) // both stores have the new revision
  return after
}

/**
 * Returns the device with its next number. If the replica was lost, or has this number already from a press that was killed,
 * the stores are reconciled first.
 */
async function nextDevice(connection) {
  const { device, revision } = await updateIdentity(connection, ({ device }) => ({ device: device ?? newDevice("") }))
  const next = { body: { ...device, sequencia: device.next }, state: "waiting" }
  const names = [copyName(next), identityName(revision)]
  const [isUsed, hasIdentity] = await Promise.all(names.map(replica.hasValue))
  if (hasIdentity && !isUsed) return device
  await reconcileStores(connection)
  return (await readIdentity(connection)).device
}

/** Reconciles the two stores; afterwards `isFailing` returns whether it failed. */
export function reconcile() {
  if (!failure) reconciledConnection = null
  return withLock(() => {})
}

const stateRange = state => IDBKeyRange.bound([state, 0], [state, Infinity])

/** Returns a device with a random suffix, so that a phone that is set up again is not taken for the old one. */
function newDevice(name) {
  const random = crypto.getRandomValues(new Uint8Array(8))
  const suffix = Array.from(random, byte => SUFFIX_LETTERS[byte % SUFFIX_LETTERS.length]).join("")
  return { name, dispositivo: `${name || "web"}-${suffix}`, next: 1 }
}

/**
 * Stores a punch, with the device's next number, in both stores.
 * @param {object} body the punch without `dispositivo` and `sequencia`
 * @param {number} minGapMs nothing is stored if the employee has an earlier punch within this time
 * @returns {Promise<Punch>} the punch, once it was read back from both stores; or that earlier punch
 * @throws {Error} neither store has the punch, and its number is free; after an `UncertainWriteError` it may be stored
 */
export function addPunch(body, minGapMs = 0) {
  const press = async connection => {
    if (failure) throw failure
    const other = minGapMs > 0 && (await findRecentPunch(connection, body, minGapMs))
    if (other) return other
    return noteWrite(writePunch(connection, body))
  }
  return withLock(press, { signal: AbortSignal.timeout(MAX_LOCK_WAIT_MS) })
}

async function writePunch(connection, body) {
  const device = await nextDevice(connection)
  const punch = { state: "waiting", body: { ...body, dispositivo: device.dispositivo, sequencia: device.next } }
  let order
  try {
    await writeCopy(punch)
    order = await transact(connection, "readwrite", (punches, settings, setResult) => {
      settings.put({ ...device, next: device.next + 1 }, "device")
      onSuccess(punches.add(punch), setResult)
    })
    const stored = await transact(connection, "readonly", (punches, _, setResult) => onSuccess(punches.get(order), setResult))
    if (!isEqual(stored, { ...punch, order })) throw new Error("the punch could not be read back")
    return stored
  } catch (error) {
    if (isTimeout(error) && order === undefined) throw uncertainError(error) // the write may still succeed
    await rollBack(connection, punch, device, order)
    throw error
  }
}

/** Finds the employee's newest punch that is less than `minGapMs` older and was not refused. */
function findRecentPunch(connection, { usuarioId, ponto }, minGapMs) {
  return transact(connection, "readonly", (punches, _, setResult) =>
    onSuccess(punches.openCursor(null, "prev"), function step(cursor) {
      const age = cursor && Date.parse(ponto) - Date.parse(cursor.value.body.ponto)
      if (!cursor || age < 0 || age >= minGapMs) return // all others are older still
      const { state, body } = cursor.value
      if (body.usuarioId === usuarioId && !REFUSED_STATES.includes(state)) setResult(cursor.value)
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

/** Returns the error of a punch that may have been stored. `failure` makes the next press reconcile the stores first. */
function uncertainError(error) {
  failure = error
  return Object.assign(new Error(error.message, { cause: error }), { name: "UncertainWriteError" })
}

/**
 * @param {number | null} employee null for all employees
 * @returns {Promise<Punch | undefined>} the oldest waiting punch
 */
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
 * Changes a punch, if it still exists: the user may have cleared the storage.
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
    if (failure || before?.state === after?.state) return // reconciled later; `missingAt` alone is not copied
    await runNotingFailure(async () => {
      await writeCopy(after)
      await replica.removeValue(copyName(before))
    })
  }
  return withLock(work, { retries: false }) // otherwise a store that does not respond would delay each punch that is sent
}

/** @returns {Promise<Punch[]>} the punches in a state, oldest first */
export function listPunches(state) {
  return runTransaction("readonly", (punches, _, setResult) =>
    onSuccess(punches.index("state").getAll(stateRange(state)), setResult),
  )
}

/** @returns {Promise<number>} the number of punches in a state */
export function countPunches(state) {
  return runTransaction("readonly", (punches, _, setResult) =>
    onSuccess(punches.index("state").count(stateRange(state)), setResult),
  )
}

/** @returns {Promise<number>} the number of punches since a time in ms since the epoch, by their ids */
export function countPunchesSince(time) {
  const range = IDBKeyRange.lowerBound(uuid7(time, new Uint8Array(16)))
  return runTransaction("readonly", (punches, _, setResult) => onSuccess(punches.index("id").count(range), setResult))
}

/** @returns {Promise<Punch[]>} all punches, oldest first */
export function listAllPunches() {
  return runTransaction("readonly", (punches, _, setResult) => onSuccess(punches.getAll(), setResult))
}

/** @returns {Promise<Punch[]>} the newest punches in a state (null: in any), newest first; reads no more than `limit` */
export function listNewestPunches(state, limit) {
  return runTransaction("readonly", (punches, _, setResult) => {
    const result = []
    setResult(result)
    const request = state === null ? punches.openCursor(null, "prev") : punches.index("state").openCursor(stateRange(state), "prev")
    onSuccess(request, function step(cursor) {
      if (!cursor) return
      if (result.push(cursor.value) < limit) cursor.continue()
    })
  })
}

/** @returns {Promise<Record<string, any>>} the settings with these names; null for one that is not set */
export function getSettings(...names) {
  return runTransaction("readonly", (_, settings, setResult) => {
    const result = {}
    for (const name of names) onSuccess(settings.get(name), value => (result[name] = value ?? null))
    setResult(result)
  })
}

/** Saves a setting: in both stores if it belongs to the identity, otherwise in the first. */
export function saveSetting(name, value) {
  if (name in NO_IDENTITY) return withLock(connection => noteWrite(updateIdentity(connection, () => ({ [name]: value }))))
  return runTransaction("readwrite", (_, settings) => settings.put(value, name))
}

/**
 * Changes settings depending on their values, in one transaction, because another tab may change them at the same time.
 * @param {string[]} names names of the settings that the change depends on
 * @param {(settings: Record<string, any>) => Record<string, any>} change returns the new values by name
 */
export function updateSettings(names, change) {
  return runTransaction("readwrite", (_, settings) => {
    const values = {}
    for (const [index, name] of names.entries())
      onSuccess(settings.get(name), value => {
        values[name] = value ?? null
        if (index < names.length - 1) return
        for (const [changedName, changedValue] of Object.entries(change(values))) settings.put(changedValue, changedName)
      })
  })
}

/** Renames this device. With another name it counts as another device, and its numbers start at 1. */
export function renameDevice(name) {
  return withLock(connection =>
    noteWrite(updateIdentity(connection, ({ device }) => (device?.name === name ? {} : { device: newDevice(name) }))),
  )
}
