/** What is kept in both stores, and how the two are reconciled. Whoever calls this holds the lock of both. */

import { transact, when } from "./indexeddb.js"
import { NO_IDENTITY, identityOf, isSame, nameOf, needed, plan } from "./plan.js"
import * as replica from "./replica.js"

/** Read the device, its key, whether it is a kiosk, and its PIN from the first store. */
export function identity(connection) {
  return transact(connection, "readonly", (_, settings, give) => {
    const found = { ...NO_IDENTITY }
    for (const name of Object.keys(NO_IDENTITY)) when(settings.get(name), value => (found[name] = value ?? NO_IDENTITY[name]))
    give(found)
  })
}

export function putChanged(settings, before, after) {
  for (const name of Object.keys(NO_IDENTITY)) if (!isSame(before[name], after[name])) settings.put(after[name], name)
}

/** Write the copy of a punch. Its order is the first store's own. */
export function copy({ order, ...punch }) {
  return replica.write(nameOf(punch), punch)
}

/**
 * Give each store what only the other has. The further state wins. Recorded punches that are old are deleted from both.
 * @param {IDBDatabase} connection
 * @param {string[]} torn copies that were to be deleted: one that is still there is left alone, and reported at the end
 */
export async function reconcileOver(connection, torn = []) {
  const [kept, mine, found] = await Promise.all([
    transact(connection, "readonly", (punches, _, give) => when(punches.getAll(), give)),
    identity(connection),
    replica.names(),
  ])
  const names = found.filter(name => !torn.includes(name))
  const values = new Map(await replica.each(needed(kept, names), async name => [name, await replica.read(name)]))
  const broken = [...values.keys()].filter(name => values.get(name) === null)
  if (broken.length > 0) {
    await replica.each(broken, replica.remove).catch(console.error)
    return reconcileOver(connection, [...torn, ...broken]) // by what is whole
  }
  await apply(connection, mine, plan({ kept, mine, names, values, torn }, Date.now()))
  if (names.length < found.length) throw new Error("a torn copy cannot be deleted")
}

/** Carry a plan out, in an order in which a kill at any point leaves nothing in neither store. */
async function apply(connection, mine, { restored, dropped, copied, removed, agreed, isIdentityCopied, lost }) {
  await transact(connection, "readwrite", (punches, settings) => {
    for (const punch of restored) punches.put(punch)
    putChanged(settings, mine, agreed)
    if (lost !== null) settings.put({ at: Date.now(), punches: lost }, "restored")
  })
  await replica.each(copied, copy)
  if (isIdentityCopied) await replica.write(identityOf(agreed.revision), agreed)
  if (dropped.length > 0)
    await transact(connection, "readwrite", punches => dropped.forEach(({ order }) => punches.delete(order)))
  await replica.each(removed, replica.remove)
}
