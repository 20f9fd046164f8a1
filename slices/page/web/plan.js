/**
 * What each of the two stores lacks that the other has: a plan, of what was read from both. Nothing is read or written here.
 *
 * In the replica a value's name says what it is of: "punch/DEVICE/NUMBER/STATE" and "identity/REVISION".
 */

const RETENTION_MS = 60 * 24 * 3_600_000 // a recorded punch stays this long
const STATE_ORDER = { waiting: 0, sent: 1, recorded: 2, refused: 2, conflict: 2 }
export const NO_IDENTITY = { device: null, key: null, kiosk: null, pin: null, revision: 0 } // kept twice of the device

const joinName = (...parts) => parts.map(encodeURIComponent).join("/")
const prefixOf = name => name.slice(0, name.lastIndexOf("/")) // a punch's: its device and number, without its state
const lastPart = name => name.slice(name.lastIndexOf("/") + 1) // the state, or the revision
const isMoreAdvanced = (state, other) => STATE_ORDER[state] > STATE_ORDER[other]
export const copyName = ({ body, state }) => joinName("punch", body.dispositivo, body.sequencia, state)
export const identityName = revision => joinName("identity", revision)
export const isEqual = (one, other) => JSON.stringify(one) === JSON.stringify(other)

/**
 * Find which values of the replica a plan needs: those that are further than in the first store, or not in it.
 * @param {object[]} kept the punches of the first store
 * @param {string[]} names of the replica's values
 * @returns {string[]}
 */
export function neededNames(punches, names) {
  const further = pairWithCopies(punches, names).filter(({ punch, copies }) => isCopyAhead(punch, copies))
  const latest = latestRevision(names)
  return [...further.map(({ copies }) => copies[0]), ...(latest > 0 ? [identityName(latest)] : [])]
}

/**
 * Plan how both stores get the further state of each punch, and the later identity. Recorded punches that are old go.
 * @param {object} both
 * @param {object[]} both.kept the punches of the first store
 * @param {object} both.mine its identity
 * @param {string[]} both.names of the replica's values
 * @param {Map<string, any>} both.values those that are `needed`
 * @param {string[]} both.torn names of values that could not be read: their numbers are used all the same
 * @param {number} now ms since the epoch
 * @returns {object} what is to be done, as it is explained below
 */
export function plan({ punches, identity, names, values, incomplete }, now) {
  const isOld = punch => punch.state === "recorded" && Date.parse(punch.body.ponto) <= now - RETENTION_MS
  const actions = {
    toRestore: [], // punches for the first store
    toDelete: [], // punches that leave it
    toCopy: [], // punches for the replica
    namesToRemove: [], // names that leave it
    mergedIdentity: null, // the identity of both
    shouldCopyIdentity: false, // it is to be written to the replica
    lostCount: null, // how many punches one of the stores did not have; null: neither has lost anything
  }
  let lost = 0
  for (const { punch, copies } of pairWithCopies(punches, names)) {
    const [copy, ...behind] = copies
    actions.namesToRemove.push(...behind)
    if (isCopyAhead(punch, copies)) {
      const value = values.get(copy)
      if (!punch && isOld(value)) actions.namesToRemove.push(copy)
      else {
        const isMine = punch?.body.id === value.body.id
        actions.toRestore.push(isMine ? { ...punch, ...value } : value)
        if (!isMine) lost++
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
  actions.toRestore.sort((one, other) => (one.body.id < other.body.id ? -1 : 1)) // their order in the first store

  const replicaIdentity = values.get(identityName(latestRevision(names))) ?? null
  actions.mergedIdentity = mergeIdentities(identity, replicaIdentity ?? NO_IDENTITY, [...punches.map(copyName), ...names, ...incomplete])
  actions.shouldCopyIdentity = !isEqual(replicaIdentity ?? NO_IDENTITY, actions.mergedIdentity)
  const current = identityName(actions.mergedIdentity.revision)
  actions.namesToRemove.push(...names.filter(name => name.startsWith("identity/") && name !== current))
  const isFirst = identity.revision === 0 && names.length === 0 // nothing was ever kept twice here
  if (!isFirst && (lost > 0 || identity.revision === 0 || !replicaIdentity)) actions.lostCount = lost
  return actions
}

/** Put each punch beside the names of its copies, the furthest first. */
function pairWithCopies(punches, names) {
  const copies = new Map()
  for (const name of names.filter(name => name.startsWith("punch/"))) {
    copies.set(prefixOf(name), [...(copies.get(prefixOf(name)) ?? []), name])
  }
  for (const some of copies.values()) some.sort((one, other) => STATE_ORDER[lastPart(other)] - STATE_ORDER[lastPart(one)])
  const found = punches.map(punch => {
    const prefix = prefixOf(copyName(punch))
    const its = copies.get(prefix) ?? []
    copies.delete(prefix)
    return { punch, copies: its }
  })
  return [...found, ...Array.from(copies.values(), some => ({ punch: null, copies: some }))]
}

const isCopyAhead = (punch, [copy]) => !punch || (copy !== undefined && isMoreAdvanced(lastPart(copy), punch.state))

const latestRevision = names =>
  Math.max(0, ...names.filter(name => name.startsWith("identity/")).map(name => Number(lastPart(name))))

/** Give what both stores are to have of the device: the later of the two, and a number after all that were used. */
function mergeIdentities(identity, replicaIdentity, names) {
  const [later, earlier] = replicaIdentity.revision > identity.revision ? [replicaIdentity, identity] : [identity, replicaIdentity]
  const agreed = { ...NO_IDENTITY, ...later }
  if (later.device) {
    const { dispositivo, next } = later.device
    const prefix = `${joinName("punch", dispositivo)}/`
    const used = names.filter(name => name.startsWith(prefix)).map(name => Number(lastPart(prefixOf(name))))
    const others = earlier.device?.dispositivo === dispositivo ? earlier.device.next : 1
    const after = used.reduce((most, number) => Math.max(most, number + 1), Math.max(next, others))
    agreed.device = { ...later.device, next: after }
  }
  if (!isEqual(agreed, replicaIdentity)) agreed.revision = later.revision + 1
  return agreed
}
