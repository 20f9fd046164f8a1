/**
 * What each of the two stores lacks that the other has: a plan, of what was read from both. Nothing is read or written here.
 *
 * In the replica a value's name says what it is of: "punch/DEVICE/NUMBER/STATE" and "identity/REVISION".
 */

const KEPT_MS = 60 * 24 * 3_600_000 // a recorded punch stays this long
const FURTHER = { waiting: 0, sent: 1, recorded: 2, refused: 2, conflict: 2 }
export const NO_IDENTITY = { device: null, key: null, kiosk: null, pin: null, revision: 0 } // kept twice of the device

const join = (...parts) => parts.map(encodeURIComponent).join("/")
const prefixOf = name => name.slice(0, name.lastIndexOf("/")) // a punch's: its device and number, without its state
const lastOf = name => name.slice(name.lastIndexOf("/") + 1) // the state, or the revision
const isFurther = (state, other) => FURTHER[state] > FURTHER[other]
export const nameOf = ({ body, state }) => join("punch", body.dispositivo, body.sequencia, state)
export const identityOf = revision => join("identity", revision)
export const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other)

/**
 * Find which values of the replica a plan needs: those that are further than in the first store, or not in it.
 * @param {object[]} kept the punches of the first store
 * @param {string[]} names of the replica's values
 * @returns {string[]}
 */
export function needed(kept, names) {
  const further = pairs(kept, names).filter(({ punch, copies }) => isAhead(punch, copies))
  const latest = latestRevision(names)
  return [...further.map(({ copies }) => copies[0]), ...(latest > 0 ? [identityOf(latest)] : [])]
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
export function plan({ kept, mine, names, values, torn }, now) {
  const isOld = punch => punch.state === "recorded" && Date.parse(punch.body.ponto) <= now - KEPT_MS
  const todo = {
    restored: [], // punches for the first store
    dropped: [], // punches that leave it
    copied: [], // punches for the replica
    removed: [], // names that leave it
    agreed: null, // the identity of both
    isIdentityCopied: false, // it is to be written to the replica
    lost: null, // how many punches one of the stores did not have; null: neither has lost anything
  }
  let lost = 0
  for (const { punch, copies } of pairs(kept, names)) {
    const [copy, ...behind] = copies
    todo.removed.push(...behind)
    if (isAhead(punch, copies)) {
      const value = values.get(copy)
      if (!punch && isOld(value)) todo.removed.push(copy)
      else {
        const isMine = punch?.body.id === value.body.id
        todo.restored.push(isMine ? { ...punch, ...value } : value)
        if (!isMine) lost++
      }
    } else if (isOld(punch)) {
      todo.dropped.push(punch)
      if (copy) todo.removed.push(copy)
    } else if (copy !== nameOf(punch)) {
      todo.copied.push(punch)
      if (copy) todo.removed.push(copy)
      else lost++
    }
  }
  todo.restored.sort((one, other) => (one.body.id < other.body.id ? -1 : 1)) // their order in the first store

  const theirs = values.get(identityOf(latestRevision(names))) ?? null
  todo.agreed = agree(mine, theirs ?? NO_IDENTITY, [...kept.map(nameOf), ...names, ...torn])
  todo.isIdentityCopied = !isSame(theirs ?? NO_IDENTITY, todo.agreed)
  const current = identityOf(todo.agreed.revision)
  todo.removed.push(...names.filter(name => name.startsWith("identity/") && name !== current))
  const isFirst = mine.revision === 0 && names.length === 0 // nothing was ever kept twice here
  if (!isFirst && (lost > 0 || mine.revision === 0 || !theirs)) todo.lost = lost
  return todo
}

/** Put each punch beside the names of its copies, the furthest first. */
function pairs(kept, names) {
  const copies = new Map()
  for (const name of names.filter(name => name.startsWith("punch/"))) {
    copies.set(prefixOf(name), [...(copies.get(prefixOf(name)) ?? []), name])
  }
  for (const some of copies.values()) some.sort((one, other) => FURTHER[lastOf(other)] - FURTHER[lastOf(one)])
  const found = kept.map(punch => {
    const prefix = prefixOf(nameOf(punch))
    const its = copies.get(prefix) ?? []
    copies.delete(prefix)
    return { punch, copies: its }
  })
  return [...found, ...Array.from(copies.values(), some => ({ punch: null, copies: some }))]
}

const isAhead = (punch, [copy]) => !punch || (copy !== undefined && isFurther(lastOf(copy), punch.state))

const latestRevision = names =>
  Math.max(0, ...names.filter(name => name.startsWith("identity/")).map(name => Number(lastOf(name))))

/** Give what both stores are to have of the device: the later of the two, and a number after all that were used. */
function agree(mine, theirs, names) {
  const [later, earlier] = theirs.revision > mine.revision ? [theirs, mine] : [mine, theirs]
  const agreed = { ...NO_IDENTITY, ...later }
  if (later.device) {
    const { dispositivo, next } = later.device
    const prefix = `${join("punch", dispositivo)}/`
    const used = names.filter(name => name.startsWith(prefix)).map(name => Number(lastOf(prefixOf(name))))
    const others = earlier.device?.dispositivo === dispositivo ? earlier.device.next : 1
    const after = used.reduce((most, number) => Math.max(most, number + 1), Math.max(next, others))
    agreed.device = { ...later.device, next: after }
  }
  if (!isSame(agreed, theirs)) agreed.revision = later.revision + 1
  return agreed
}
