/** The settings: the key, the device, the kiosk and its PIN. */

import * as database from "./database.js"
import { draw } from "./drawing.js"
import * as outbox from "./outbox.js"
import { parseKeyFragment, parseKey, cleanDeviceName } from "./rules.js"
import { sendNow } from "./sending.js"
import { element, page } from "./state.js"

export async function acceptKey(key) {
  if (key === null) return
  const { key: old } = await database.getSettings("key")
  if (old && old !== key && !(await confirmReplacement())) return
  await database.saveSetting("key", key)
  outbox.notifyChange()
  sendNow()
}

function confirmReplacement() {
  const dialog = element("replace")
  dialog.returnValue = "no"
  dialog.showModal()
  return new Promise(resolve =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }),
  )
}

/** Take the key out of the address, where it must not stay. */
export function takeKeyFromAddress() {
  const key = parseKeyFragment(location.hash)
  if (location.hash.startsWith("#key=")) history.replaceState(null, "", location.pathname + location.search)
  return key
}

export async function saveSettings() {
  element("saved").textContent = "" // of an earlier time, if this one fails
  const typed = element("key").value
  const key = typed.trim() === "" ? null : parseKey(typed)
  element("key").ariaInvalid = typed.trim() !== "" && key === null ? "true" : null
  if (element("key").ariaInvalid) {
    element("saved").textContent = page.texts.keyWrong
    element("key").focus()
    return
  }
  const kiosk = element("kiosk").checked
  if (page.editedSettings.has("device")) await database.renameDevice(cleanDeviceName(element("device").value))
  if (key !== null) {
    await database.saveSetting("key", key)
    element("key").value = ""
  }
  if (page.editedSettings.has("pin")) await database.saveSetting("pin", element("pin").value.trim() || null)
  page.isUnlocked = true // or a first PIN would hide that it is saved
  await database.saveSetting("kiosk", kiosk)
  if (kiosk) await database.saveSetting("employee", null)
  page.editedSettings.clear()
  await draw()
  element("saved").textContent = page.texts.saved
  outbox.notifyChange()
  sendNow()
}

export async function unlockSettings() {
  const proof = element("proof").value.trim()
  element("proof").value = ""
  element("proof-state").textContent = ""
  const { pin, key } = await database.getSettings("pin", "key")
  const isRight = proof === pin || (parseKey(proof) !== null && (parseKey(proof) === key || (await outbox.isKeyValid(parseKey(proof)))))
  if (!element("settings").open) return // closed meanwhile: the next person has to prove it
  page.isUnlocked = isRight
  element("proof-state").textContent = page.isUnlocked ? "" : page.texts.proofWrong
  await draw()
  element(page.isUnlocked ? "key" : "proof").focus()
}

/** Whoever opens the settings next has to know the PIN, too. */
export function lockSettings() {
  page.isUnlocked = false
  page.editedSettings.clear()
  element("key").value = element("proof").value = element("proof-state").textContent = ""
  draw()
}
