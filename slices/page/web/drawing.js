/** Display of the stored data: today's punches with their states, warnings, and the saved settings. */

import * as database from "./database.js"
import { REFUSED_STATES, showPunchOutcome, stateElement } from "./outcome.js"
import { DAY_MS, isOverdue, isSkewed, isTimeout, storageReason } from "./rules.js"
import { callModules, clockTime, createElement, element, locale, page } from "./state.js"

const MAX_SHOWN = 100 // punches of each state in the list
const LASTING_STATES = ["waiting", "refused", "conflict"] // listed on later days too, like the oldest punches in the state "sent"

const isRecent = at => Math.abs(Date.now() - at) < DAY_MS
const isToday = punch => new Date(punch.body.ponto).toDateString() === new Date().toDateString()

function punchItem(punch, session) {
  const item = createElement("li", "")
  const at = new Date(punch.body.ponto)
  const time = isToday(punch) ? clockTime(at) : `${at.toLocaleDateString(locale())} ${clockTime(at)}`
  const state = stateElement(punch)
  const overdue = isOverdue(punch)
  state.className = `state ${overdue ? "overdue" : punch.state}`
  item.append(createElement("time", time, { dateTime: punch.body.ponto }), " ")
  if (page.isKiosk && (overdue || REFUSED_STATES.includes(punch.state)))
    item.append(createElement("span", page.texts.employeeLabel(punch.body.usuarioId), { className: "whose" }), " ")
  item.append(state, " ", createElement("span", page.texts.number(punch.body.sequencia), { className: "number" }))
  item.append(...callModules("punchAction", punch, session))
  return item
}

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
  const settings = await database.getSettings("key", "refusedKey", "retry", "skew", "device", "session", "kiosk", "restored", "pin")
  const [waiting, refused, conflicts] = await Promise.all(LASTING_STATES.map(database.countPunches))
  const lasting = (await Promise.all(LASTING_STATES.map(state => database.listNewestPunches(state, MAX_SHOWN)))).flat()
  const sent = await database.listPunches("sent")
  const accepted = [...sent.slice(-MAX_SHOWN), ...(await database.listNewestPunches("recorded", MAX_SHOWN))]
  const newestFirst = (one, other) => other.order - one.order
  const todays = [...lasting, ...accepted].filter(isToday).sort(newestFirst)
  const earlier = [...lasting, ...sent.slice(0, MAX_SHOWN)].filter(punch => !isToday(punch)).sort(newestFirst)
  const overdue = sent.filter(isOverdue).length
  const shownCount = todays.length + earlier.length
  const failure = database.getFailure()
  page.isStuck ||= failure !== null && isTimeout(failure)
  const outcomePunch = [...lasting, ...accepted].find(({ body }) => body.id === page.shownPunchId)
  if (outcomePunch) showPunchOutcome(outcomePunch)
  element("summary").textContent = page.texts.summary(waiting, refused, conflicts, overdue, shownCount)
  const focusedId = document.activeElement.id
  element("todays").replaceChildren(...todays.map(punch => punchItem(punch, settings.session)))
  element("earlier").replaceChildren(...earlier.map(punch => punchItem(punch, settings.session)))
  if (focusedId && document.activeElement.id !== focusedId) element(focusedId)?.focus({ preventScroll: true })
  element("before").hidden = earlier.length === 0
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

/** Shows the page as a kiosk, or as the page of one employee. */
export async function setKioskMode(kiosk) {
  page.isKiosk = kiosk
  document.body.classList.toggle("kiosk", kiosk)
  element("pad").hidden = !kiosk
  element("employee").inputMode = kiosk ? "none" : "numeric" // the kiosk has its own number pad
  const { employee } = await database.getSettings("employee")
  if (kiosk) element("employee").value = ""
  else element("employee").value ||= employee ?? "" // keeps a number that is being typed
}
