/**
 * Computes the plan that reconciles the two stores from the contents of both. This module reads and writes no store.
 *
 * The names of the replica's values are "punch/DEVICE/NUMBER/STATE" and "identity/REVISION".
 */

const RETENTION_MS = 60 * 24 * 3_600_000 // recorded punches are deleted after this time
const STATE_ORDER = { waiting: 0, sent: 1, recorded: 2, refused: 2, conflict: 2 }
export const NO_IDENTITY = { device: null, key: null, kiosk: null, pin: null, revision: 0 } // identity of a new device

const joinName = (...parts) => parts.map(encodeURIComponent).join("/")
const punchPrefix = name => name.slice(0, name.lastIndexOf("/")) // device and number, without the state
const lastPart = name => name.slice(name.lastIndexOf("/") + 1) // state or revision
const isMoreAdvanced = (state, other) => STATE_ORDER[state] > STATE_ORDER[other]
export const copyName = ({ body, state }) => joinName("punch", body.dispositivo, body.sequencia, state)
export const identityName = revision => joinName("identity", revision)
export const isEqual = (one, other) => JSON.stringify(one) === JSON.stringify(other)

/**
 * Returns the names of the values that a plan needs: punches that are more advanced than in the first store or missing
 * there, and the latest identity.
 * @param {object[]} punches punches of the first store
 * @param {string[]} names names of the replica's values
 * @returns {string[]}
 */
export function neededNames(punches, names) {
  const ahead = pairWithCopies(punches, names).filter(({ punch, copies }) => isCopyAhead(punch, copies))
  const latest = latestRevision(names)
  return [...ahead.map(({ copies }) => copies[0]), ...(latest > 0 ? [identityName(latest)] : [])]
}

/**
 * Returns the actions after which both stores have the more advanced state of each punch and the later identity. Old
 * recorded punches are deleted.
 * @param {object} stores
 * @param {object[]} stores.punches punches of the first store
 * @param {object} stores.identity identity of the first store
 * @param {string[]} stores.names names of the replica's values
 * @param {Map<string, any>} stores.values the replica's values of `neededNames`
 * @param {string[]} stores.incomplete names of values that could not be read; their numbers count as used
 * @param {number} now ms since the epoch
 * @returns {object} the actions, with the keys that are explained below
 */
export function createPlan({ punches, identity, names, values, incomplete }, now) {
  const isOld = punch => punch.state === "recorded" && Date.parse(punch.body.ponto) <= now - RETENTION_MS
  const actions = {
    toRestore: [], // punches to write to the first store
    toDelete: [], // punches to delete from the first store
    toCopy: [], // punches to write to the replica
    namesToRemove: [], // values to delete from the replica
    mergedIdentity: null, // for both stores
    shouldCopyIdentity: false, // the replica needs mergedIdentity
    lostCount: null, // punches that were missing in one store; null if neither store has lost anything
  }
  let lost = 0
  for (const { punch, copies } of pairWithCopies(punches, names)) {
    const [copy, ...olderCopies] = copies
    actions.namesToRemove.push(...olderCopies)
    if (isCopyAhead(punch, copies)) {
      const value = values.get(copy)
      if (!punch && isOld(value)) actions.namesToRemove.push(copy)
      else {
        const isSamePunch = punch?.body.id === value.body.id
        actions.toRestore.push(isSamePunch ? { ...punch, ...value } : value)
        if (!isSamePunch) lost++
      }
    } else if (isOld(punch)) {
      actions.toDelete.push(punch)
      if (copy) actions.namesToRemove.push(copy)
    } else if (copy !== copyName(punch)) {
      actions.toCopy.push(punch)
      if (copy) actions.namesToRemove.push(copy)
      else lost++
    }
  }
  actions.toRestore.sort((one, other) => (one.body.id < other.body.id ? -1 : 1)) // ids sort by time

  const replicaIdentity = values.get(identityName(latestRevision(names))) ?? null
  const allNames = [...punches.map(copyName), ...names, ...incomplete]
  actions.mergedIdentity = mergeIdentities(identity, replicaIdentity ?? NO_IDENTITY, allNames)
  actions.shouldCopyIdentity = !isEqual(replicaIdentity ?? NO_IDENTITY, actions.mergedIdentity)
  const current = identityName(actions.mergedIdentity.revision)
  actions.namesToRemove.push(...names.filter(name => name.startsWith("identity/") && name !== current))
  const isNewDevice = identity.revision === 0 && names.length === 0
  if (!isNewDevice && (lost > 0 || identity.revision === 0 || !replicaIdentity)) actions.lostCount = lost
  return actions
}

/** Returns each punch with the names of its copies, most advanced first. */
function pairWithCopies(punches, names) {
  const copies = new Map()
  for (const name of names.filter(name => name.startsWith("punch/"))) {
    copies.set(punchPrefix(name), [...(copies.get(punchPrefix(name)) ?? []), name])
  }
  for (const group of copies.values()) group.sort((one, other) => STATE_ORDER[lastPart(other)] - STATE_ORDER[lastPart(one)])
  const pairs = punches.map(punch => {
    const prefix = punchPrefix(copyName(punch))
    const group = copies.get(prefix) ?? []
    copies.delete(prefix)
    return { punch, copies: group }
  })
  return [...pairs, ...Array.from(copies.values(), group => ({ punch: null, copies: group }))]
}

const isCopyAhead = (punch, [copy]) => !punch || (copy !== undefined && isMoreAdvanced(lastPart(copy), punch.state))

const latestRevision = names =>
  Math.max(0, ...names.filter(name => name.startsWith("identity/")).map(name => Number(lastPart(name))))

/** Returns the identity for both stores: the later of the two, with a next number after all used numbers. */
function mergeIdentities(identity, replicaIdentity, names) {
  const isReplicaLater = replicaIdentity.revision > identity.revision
  const [later, earlier] = isReplicaLater ? [replicaIdentity, identity] : [identity, replicaIdentity]
  const merged = { ...NO_IDENTITY, ...later }
  if (later.device) {
    const { dispositivo, next } = later.device
    const prefix = `${joinName("punch", dispositivo)}/`
    const usedNumbers = names.filter(name => name.startsWith(prefix)).map(name => Number(lastPart(punchPrefix(name))))
    const earlierNext = earlier.device?.dispositivo === dispositivo ? earlier.device.next : 1
    const firstUnused = usedNumbers.reduce((max, number) => Math.max(max, number + 1), Math.max(next, earlierNext))
    merged.device = { ...later.device, next: firstUnused }
  }
  if (!isEqual(merged, replicaIdentity)) merged.revision = later.revision + 1
  return merged
}
