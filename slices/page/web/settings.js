/** The settings: the key, the device, the kiosk and its PIN. */

import * as database from "./database.js"
import { draw, reportError, storageText } from "./drawing.js"
import * as outbox from "./outbox.js"
import { cleanDeviceName, countTry, parseKey, parseKeyFragment, remainingWait } from "./rules.js"
import { sendNow } from "./sending.js"
import { element, page } from "./state.js"

/** Saves the key of a link; asks first if it would replace another one. A key that cannot be saved stays in `page.unsavedKey`. */
export async function acceptKey(key) {
  if (key === null) return
  const isConfirmed = key === page.unsavedKey
  try {
    const { key: old } = await database.getSettings("key")
    if (old && old !== key && !isConfirmed && !(await confirmReplacement())) return
    await database.saveSetting("key", key)
    page.unsavedKey = null
  } catch (error) {
    page.unsavedKey = key
    return reportError(error)
  }
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

/** Returns the key of the page's address, and removes it from there. */
export function takeKeyFromAddress() {
  const key = parseKeyFragment(location.hash)
  if (location.hash.startsWith("#key=")) history.replaceState(null, "", location.pathname + location.search)
  return key
}

/** Saves the settings that were edited, and shows the result beside the button. */
export async function saveSettings() {
  element("saved").textContent = "" // so that a screen reader also reads the same result again
  try {
    await saveEditedSettings()
  } catch (error) {
    reportError(error)
    element("saved").textContent = page.texts.notSaved(storageText(error))
  }
}

async function saveEditedSettings() {
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
  page.isUnlocked = true // otherwise a new PIN would hide the settings and the message
  await database.saveSetting("kiosk", kiosk)
  if (kiosk) await database.saveSetting("employee", null)
  page.editedSettings.clear()
  await draw()
  element("saved").textContent = page.texts.saved
  outbox.notifyChange()
  sendNow()
}

/** Counts a try of the PIN; returns the seconds until the next one, without counting it, if it comes too early. */
async function startTry() {
  let waitMs
  await database.updateSettings(["pinTries"], ({ pinTries }) => {
    waitMs = remainingWait(pinTries, Date.now())
    return waitMs > 0 ? {} : { pinTries: countTry(pinTries, Date.now()) }
  })
  return Math.ceil(waitMs / 1000)
}

/** Unlocks the settings if the PIN or a valid key was entered. */
export async function unlockSettings() {
  const proof = element("proof").value.trim()
  element("proof").value = ""
  element("proof-state").textContent = ""
  const waitSeconds = await startTry()
  if (waitSeconds > 0) return showProofState(page.texts.proofWait(waitSeconds))
  const { pin, key } = await database.getSettings("pin", "key")
  const enteredKey = parseKey(proof)
  const isValid =
    proof === pin || (enteredKey !== null && (enteredKey === key || (await outbox.isKeyValid(enteredKey))))
  if (!element("settings").open) return // closed meanwhile: the next person has to enter the PIN
  page.isUnlocked = isValid
  if (isValid) await database.saveSetting("pinTries", null)
  await draw()
  showProofState(isValid ? "" : page.texts.proofWrong)
  element(page.isUnlocked ? "key" : "proof").focus()
}

function showProofState(text) {
  element("proof-state").textContent = text
  element("proof-state").scrollIntoView({ block: "nearest" }) // it may be below the screen's end
}

/** Locks the settings again, so that the next person has to enter the PIN. */
export function lockSettings() {
  page.isUnlocked = false
  page.editedSettings.clear()
  element("key").value = element("proof").value = element("proof-state").textContent = ""
  draw()
}
