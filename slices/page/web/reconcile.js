/** What is kept in both stores, and how the two are reconciled. Whoever calls this holds the lock of both. */

import { transact, when } from "./indexeddb.js"
import * as replica from "./replica.js"

const KEPT_MS = 60 * 24 * 3_600_000 // a recorded punch stays this long
const FURTHER = { waiting: 0, sent: 1, recorded: 2, refused: 2, conflict: 2 }
export const NO_IDENTITY = { device: null, key: null, kiosk: null, pin: null, revision: 0 } // kept twice of the device

export const nameOf = ({ body, state }) => replica.join("punch", body.dispositivo, body.sequencia, state)
const placeOf = name => name.slice(0, name.lastIndexOf("/")) // without the state
const stateIn = name => name.slice(name.lastIndexOf("/") + 1)
export const identityOf = revision => replica.join("identity", revision)
export const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other)
const isOld = punch => punch.state === "recorded" && Date.parse(punch.body.ponto) <= Date.now() - KEPT_MS

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
 * @param {string[]} torn copies that were to be deleted: one that is still there is left aside, and said once all else is done
 */
export async function reconcileOver(connection, torn = []) {
  const [kept, mine, found] = await Promise.all([
    transact(connection, "readonly", (punches, _, give) => when(punches.getAll(), give)),
    identity(connection),
    replica.names(),
  ])
  const names = found.filter(name => !torn.includes(name))
  const [copies, stale] = furthest(names.filter(name => name.startsWith("punch/")))
  const old = kept.filter(isOld)
  const [missing, behind] = [[], []] // in the replica; in the first store, by the copy's name
  let lost = 0
  for (const punch of kept) {
    const name = nameOf(punch)
    const found = copies.get(placeOf(name))
    copies.delete(placeOf(name))
    if (found && FURTHER[stateIn(found)] > FURTHER[punch.state]) behind.push([found, punch])
    else {
      if (found && (found !== name || isOld(punch))) stale.push(found)
      if (found !== name && !isOld(punch)) missing.push(punch)
      if (!found && !isOld(punch)) lost++
    }
  }
  for (const name of copies.values()) behind.push([name, null])
  const broken = []
  const read = await replica.each(behind, async ([name, punch]) => {
    const found = await replica.read(name)
    if (found && (punch || !isOld(found))) return { ...(punch?.body.id === found.body.id && punch), ...found }
    const unwanted = found ? stale : broken
    unwanted.push(name)
  })
  const restored = read.filter(Boolean).sort((one, other) => (one.body.id < other.body.id ? -1 : 1))
  lost += restored.filter(({ order }) => order === undefined).length

  const identities = names.filter(name => name.startsWith("identity/"))
  const latest = Math.max(0, ...identities.map(name => Number(stateIn(name))))
  const theirs = latest > 0 ? await replica.read(identityOf(latest)) : null
  if (latest > 0 && !theirs) broken.push(identityOf(latest))
  if (broken.length > 0) {
    await replica.each(broken, replica.remove).catch(console.error)
    return reconcileOver(connection, [...torn, ...broken]) // by what is whole; their numbers are used all the same
  }
  const agreed = agree(mine, theirs ?? NO_IDENTITY, [...kept.map(nameOf), ...names, ...torn])
  const isFirst = mine.revision === 0 && names.length === 0 // nothing was ever kept twice here
  const isTorn = !isFirst && (lost > 0 || mine.revision === 0 || !theirs)
  await transact(connection, "readwrite", (punches, settings) => {
    for (const punch of restored) punches.put(punch)
    putChanged(settings, mine, agreed)
    if (isTorn) settings.put({ at: Date.now(), punches: lost }, "restored")
  })
  await replica.each(missing, copy)
  if (!isSame(theirs ?? NO_IDENTITY, agreed)) await replica.write(identityOf(agreed.revision), agreed)
  if (old.length > 0) await transact(connection, "readwrite", punches => old.forEach(({ order }) => punches.delete(order)))
  stale.push(...identities.filter(name => name !== identityOf(agreed.revision)))
  await replica.each(stale, replica.remove)
  if (names.length < found.length) throw new Error("a torn copy cannot be deleted")
}

/** Give the furthest of the names of each punch, by the rest of the name; and the others. */
function furthest(names) {
  const [found, others] = [new Map(), []]
  for (const name of names.sort((one, other) => FURTHER[stateIn(other)] - FURTHER[stateIn(one)])) {
    if (found.has(placeOf(name))) others.push(name)
    else found.set(placeOf(name), name)
  }
  return [found, others]
}

/** Give what both stores are to have of the device: the later of the two, and a number after all that were used. */
function agree(mine, theirs, names) {
  const [later, earlier] = theirs.revision > mine.revision ? [theirs, mine] : [mine, theirs]
  const agreed = { ...NO_IDENTITY, ...later }
  if (later.device) {
    const { dispositivo, next } = later.device
    const prefix = `${replica.join("punch", dispositivo)}/`
    const used = names.filter(name => name.startsWith(prefix)).map(name => Number(stateIn(placeOf(name))))
    const others = earlier.device?.dispositivo === dispositivo ? earlier.device.next : 1
    const after = used.reduce((most, number) => Math.max(most, number + 1), Math.max(next, others))
    agreed.device = { ...later.device, next: after }
  }
  if (!isSame(agreed, theirs)) agreed.revision = later.revision + 1
  return agreed
}
