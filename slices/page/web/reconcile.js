/** Reconciliation of the two stores. The caller holds the lock of both. */

import { onSuccess, transact } from "./indexeddb.js"
import { NO_IDENTITY, copyName, createPlan, identityName, isEqual, neededNames } from "./plan.js"
import * as replica from "./replica.js"

/** Returns the device, its key, whether it is a kiosk, and its PIN, from the first store. */
export function readIdentity(connection) {
  return transact(connection, "readonly", (_, settings, setResult) => {
    const identity = { ...NO_IDENTITY }
    for (const name of Object.keys(NO_IDENTITY))
      onSuccess(settings.get(name), value => (identity[name] = value ?? NO_IDENTITY[name]))
    setResult(identity)
  })
}

/** Writes the changed fields of an identity to the first store. */
export function putChangedIdentity(settings, before, after) {
  for (const name of Object.keys(NO_IDENTITY)) if (!isEqual(before[name], after[name])) settings.put(after[name], name)
}

/** Writes a punch to the replica, without its key in the first store. */
export function writeCopy({ order, ...punch }) {
  return replica.writeValue(copyName(punch), punch)
}

/**
 * Writes to each store what only the other one has. The more advanced state of a punch wins. Old recorded punches are deleted
 * from both.
 * @param {IDBDatabase} connection
 * @param {string[]} incomplete names of incomplete copies that were deleted; a copy that still exists is ignored, and an
 *     error is thrown at the end
 */
export async function reconcileStores(connection, incomplete = []) {
  const [punches, identity, storedNames] = await Promise.all([
    transact(connection, "readonly", (punches, _, setResult) => onSuccess(punches.getAll(), setResult)),
    readIdentity(connection),
    replica.listNames(),
  ])
  const names = storedNames.filter(name => !incomplete.includes(name))
  const readEntry = async name => [name, await replica.readValue(name)]
  const values = new Map(await replica.runInBatches(neededNames(punches, names), readEntry))
  const unreadable = [...values.keys()].filter(name => values.get(name) === null)
  if (unreadable.length > 0) {
    await replica.runInBatches(unreadable, replica.removeValue).catch(console.error)
    return reconcileStores(connection, [...incomplete, ...unreadable])
  }
  await applyPlan(connection, identity, createPlan({ punches, identity, names, values, incomplete }, Date.now()))
  if (names.length < storedNames.length) throw new Error("an incomplete copy cannot be deleted")
}

/** Applies a plan in an order in which every value is in at least one store, so that a kill at any point loses nothing. */
async function applyPlan(connection, identity, actions) {
  const { toRestore, toDelete, toCopy, namesToRemove, mergedIdentity, shouldCopyIdentity, lostCount } = actions
  await transact(connection, "readwrite", (punches, settings) => {
    for (const punch of toRestore) punches.put(punch)
    putChangedIdentity(settings, identity, mergedIdentity)
    if (lostCount !== null) settings.put({ at: Date.now(), punches: lostCount }, "restored")
  })
  await replica.runInBatches(toCopy, writeCopy)
  if (shouldCopyIdentity) await replica.writeValue(identityName(mergedIdentity.revision), mergedIdentity)
  if (toDelete.length > 0)
    await transact(connection, "readwrite", punches => toDelete.forEach(({ order }) => punches.delete(order)))
  await replica.runInBatches(namesToRemove, replica.removeValue)
}
