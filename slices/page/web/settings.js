/** The settings: the key, the device, the kiosk and its PIN. */

import * as database from "./database.js"
import { draw } from "./drawing.js"
import * as outbox from "./outbox.js"
import { keyIn, keyOf, nameOf } from "./rules.js"
import { hurry } from "./sending.js"
import { element, page } from "./state.js"

export async function take(key) {
  if (key === null) return
  const { key: old } = await database.remembered("key")
  if (old && old !== key && !(await confirmed())) return
  await database.remember("key", key)
  outbox.changed()
  hurry()
}

function confirmed() {
  const dialog = element("replace")
  dialog.returnValue = "no"
  dialog.showModal()
  return new Promise(resolve =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }),
  )
}

/** Take the key out of the address, where it must not stay. */
export function keyFromAddress() {
  const key = keyIn(location.hash)
  if (location.hash.startsWith("#key=")) history.replaceState(null, "", location.pathname + location.search)
  return key
}

export async function save() {
  element("saved").textContent = "" // of an earlier time, if this one fails
  const typed = element("key").value
  const key = typed.trim() === "" ? null : keyOf(typed)
  element("key").ariaInvalid = typed.trim() !== "" && key === null ? "true" : null
  if (element("key").ariaInvalid) {
    element("saved").textContent = page.texts.keyWrong
    element("key").focus()
    return
  }
  const kiosk = element("kiosk").checked
  if (page.edited.has("device")) await database.rename(nameOf(element("device").value))
  if (key !== null) {
    await database.remember("key", key)
    element("key").value = ""
  }
  if (page.edited.has("pin")) await database.remember("pin", element("pin").value.trim() || null)
  page.unlocked = true // or a first PIN would hide that it is saved
  await database.remember("kiosk", kiosk)
  if (kiosk) await database.remember("employee", null)
  page.edited.clear()
  await draw()
  element("saved").textContent = page.texts.saved
  outbox.changed()
  hurry()
}

export async function unlock() {
  const proof = element("proof").value.trim()
  element("proof").value = ""
  element("proof-state").textContent = ""
  const { pin, key } = await database.remembered("pin", "key")
  const isRight = proof === pin || (keyOf(proof) !== null && (keyOf(proof) === key || (await outbox.isKnown(keyOf(proof)))))
  if (!element("settings").open) return // closed meanwhile: the next person has to prove it
  page.unlocked = isRight
  element("proof-state").textContent = page.unlocked ? "" : page.texts.proofWrong
  await draw()
  element(page.unlocked ? "key" : "proof").focus()
}

/** Whoever opens the settings next has to know the PIN, too. */
export function lock() {
  page.unlocked = false
  page.edited.clear()
  element("key").value = element("proof").value = element("proof-state").textContent = ""
  draw()
}
