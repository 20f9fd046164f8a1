/** What is kept in both stores, and how the two are reconciled. Whoever calls this holds the lock of both. */

import { transact, onSuccess } from "./indexeddb.js"
import { NO_IDENTITY, identityName, isEqual, copyName, neededNames, plan } from "./plan.js"
import * as replica from "./replica.js"

/** Read the device, its key, whether it is a kiosk, and its PIN from the first store. */
export function readIdentity(connection) {
  return transact(connection, "readonly", (_, settings, setResult) => {
    const found = { ...NO_IDENTITY }
    for (const name of Object.keys(NO_IDENTITY)) onSuccess(settings.get(name), value => (found[name] = value ?? NO_IDENTITY[name]))
    setResult(found)
  })
}

export function putChangedIdentity(settings, before, after) {
  for (const name of Object.keys(NO_IDENTITY)) if (!isEqual(before[name], after[name])) settings.put(after[name], name)
}

/** Write the copy of a punch. Its order is the first store's own. */
export function writeCopy({ order, ...punch }) {
  return replica.writeValue(copyName(punch), punch)
}

/**
 * Give each store what only the other has. The further state wins. Recorded punches that are old are deleted from both.
 * @param {IDBDatabase} connection
 * @param {string[]} torn copies that were to be deleted: one that is still there is left alone, and reported at the end
 */
export async function reconcileStores(connection, incomplete = []) {
  const [punches, identity, found] = await Promise.all([
    transact(connection, "readonly", (punches, _, setResult) => onSuccess(punches.getAll(), setResult)),
    readIdentity(connection),
    replica.listNames(),
  ])
  const names = found.filter(name => !incomplete.includes(name))
  const values = new Map(await replica.runInBatches(neededNames(punches, names), async name => [name, await replica.readValue(name)]))
  const broken = [...values.keys()].filter(name => values.get(name) === null)
  if (broken.length > 0) {
    await replica.runInBatches(broken, replica.removeValue).catch(console.error)
    return reconcileStores(connection, [...incomplete, ...broken]) // by what is whole
  }
  await applyPlan(connection, identity, plan({ punches, identity, names, values, incomplete }, Date.now()))
  if (names.length < found.length) throw new Error("a torn copy cannot be deleted")
}

/** Carry a plan out, in an order in which a kill at any point leaves nothing in neither store. */
async function applyPlan(connection, identity, { toRestore, toDelete, toCopy, namesToRemove, mergedIdentity, shouldCopyIdentity, lostCount }) {
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
