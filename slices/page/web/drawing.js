/** Display of the stored data: the list of punches, warnings, and the saved settings. */

import * as database from "./database.js"
import { drawHint } from "./install.js"
import { drawList } from "./list.js"
import { showPunchOutcome } from "./outcome.js"
import { DAY_MS, isSkewed, isTimeout, storageReason } from "./rules.js"
import { callModules, createElement, element, page } from "./state.js"

const isRecent = at => Math.abs(Date.now() - at) < DAY_MS

let drawingPromise = null
let isOutdated = false

/** Returns the key of the text that explains why punches wait; undefined if nothing delays them. */
function waitingReason(retry) {
  if (!navigator.onLine) return "offline"
  if (retry) return retry.answered ? "retrying" : "unanswered"
}

/** Draws the stored data. If it changes while it is being drawn, it is drawn once more afterwards. */
export function draw() {
  isOutdated = true
  drawingPromise ??= drawAll()
  return drawingPromise
}

async function drawAll() {
  while (isOutdated) {
    isOutdated = false
    await drawNow().catch(reportError)
  }
  drawingPromise = null
}

async function drawNow() {
  const settings = await database.getSettings("key", "refusedKey", "retry", "skew", "device", "session", "kiosk", "restored", "pin", "installDismissed")
  const { waiting, punches } = await drawList(settings.session)
  const failure = database.getFailure()
  page.isStuck ||= failure !== null && isTimeout(failure)
  const outcomePunch = punches.find(({ body }) => body.id === page.shownPunchId)
  if (outcomePunch) showPunchOutcome(outcomePunch)
  const promise = database.canWrite() && page.unsavedKey === null ? page.texts.keptHere : ""
  showWarnings([
    page.unsavedKey !== null && page.texts.keyNotSaved,
    !settings.key && page.unsavedKey === null && page.texts.noKey(promise),
    page.hasUserPool && !settings.session && page.texts.notSignedIn(promise),
    settings.key &&
      settings.refusedKey?.key === settings.key &&
      !(page.hasUserPool && !settings.session) &&
      page.texts.keyRefused(settings.refusedKey.status, promise),
    waiting > 0 && page.texts[waitingReason(settings.retry)]?.(promise),
    failure && storageText(failure),
    settings.restored && isRecent(settings.restored.at) && page.texts.restored(settings.restored.punches),
    isSkewed(settings.skew) && page.texts.clockSkewed(settings.skew),
  ])
  element("who").hidden = !page.hasUserPool
  element("sign").textContent = settings.session ? page.texts.signOut(settings.session.employee) : page.texts.signIn
  page.isSignedIn = settings.session !== null
  element("employee").readOnly = page.isSignedIn
  if (page.isSignedIn) element("employee").value = settings.session.employee
  element("key-state").textContent = settings.key ? page.texts.keySet(settings.key.slice(-4)) : page.texts.keyUnset
  // Another tab may have saved settings: show them, except those that are being edited here.
  if (page.isKiosk !== (settings.kiosk === true)) await setKioskMode(!page.isKiosk)
  if (!page.editedSettings.has("device")) element("device").value = settings.device?.name ?? ""
  if (!page.editedSettings.has("kiosk")) element("kiosk").checked = settings.kiosk === true
  const locked = page.isKiosk && settings.pin !== null && !page.isUnlocked
  if (!page.editedSettings.has("pin")) element("pin").value = locked ? "" : (settings.pin ?? "")
  element("unlock").hidden = !locked
  element("unlocked").hidden = locked
  element("device-state").textContent = settings.device
    ? page.texts.deviceState(settings.device.dispositivo)
    : page.texts.deviceUnset
  drawHint(settings.installDismissed === true, punches.some(punch => punch.state === "recorded"))
  callModules("draw", settings)
}

/** Shows warnings. Those that are already shown are not replaced, or a screen reader would read them again. */
function showWarnings(texts) {
  const current = texts.filter(Boolean)
  const warnings = element("warnings")
  for (const warning of [...warnings.children]) if (!current.includes(warning.textContent)) warning.remove()
  const shownTexts = Array.from(warnings.children, warning => warning.textContent)
  warnings.append(...current.filter(text => !shownTexts.includes(text)).map(text => createElement("p", text)))
}

/** Shows a warning that the stored data cannot be read or written. */
export function reportError(error) {
  console.error(error)
  page.isStuck ||= isTimeout(error)
  showWarnings([page.unsavedKey !== null && page.texts.keyNotSaved, storageText(error)])
}

/** Returns a text that says why a store failed and what to do. */
export const storageText = error => page.texts[storageReason(error)] ?? `${page.texts.storageFailed} (${error.message})`

let wakeLock = null

/** Keeps the screen of a kiosk on. The browser ends that when the page is hidden. */
export async function keepScreenOn() {
  await wakeLock?.release()
  wakeLock = null
  if (page.isKiosk && document.visibilityState === "visible") wakeLock = await navigator.wakeLock?.request("screen")
}

/** Shows the page as a kiosk, or as the page of one employee. */
export async function setKioskMode(kiosk) {
  page.isKiosk = kiosk
  document.body.classList.toggle("kiosk", kiosk)
  element("pad").hidden = !kiosk
  keepScreenOn().catch(console.error) // the browser may refuse, for example with little battery
  element("employee").inputMode = kiosk ? "none" : "numeric" // the kiosk has its own number pad
  const { employee } = await database.getSettings("employee")
  if (kiosk) element("employee").value = ""
  else element("employee").value ||= employee ?? "" // keeps a number that is being typed
}
