/** The page: a clock, a button, and the states of the last punches. */

import * as database from "./database.js"
import { draw, keepScreenOn, reportError, setKioskMode, storageText } from "./drawing.js"
import { TEXTS, chooseLanguage } from "./i18n.js"
import { watchInstallation } from "./install.js"
import * as outbox from "./outbox.js"
import { askToConfirm, clearOutcome, showOutcome, showPunchOutcome } from "./outcome.js"
import { DAY_MS, isTimeout, parseEmployee, timestamp, truncateReason, uuid7 } from "./rules.js"
import { MAX_WAIT_MS, reconcile, registerBackgroundSync, sendAndSchedule, sendNow } from "./sending.js"
import { acceptKey, lockSettings, saveSettings, takeKeyFromAddress, unlockSettings } from "./settings.js"
import * as signIn from "./sign-in.js"
import { clockTime, createElement, element, locale, page } from "./state.js"

const IDLE_MS = 30_000 // after this time without a touch or a key, a new version may take over
const KIOSK_CONFIRMATION_MS = 4000 // a kiosk shows a confirmation for this time, so that the next person does not see it
const KIOSK_OUTCOME_MS = 10_000 // ... and a question or an error
const OUTCOME_MS = 3_600_000 // other devices show it for this time, also over midnight
const CONFIRM_MS = 60_000 // a second punch of an employee within this time needs confirmation
const SLOW_MS = 300 // after this time a press that is not stored yet is shown
const MORE_PUNCHES = 40

/* Texts and clock */

function setLanguage(language) {
  if (page.date && language !== document.documentElement.lang) {
    if (page.shownPunchId === null) clearOutcome() // it has a text in the other language
    else element("outcome").className = "" // `draw` shows it again
  }
  page.texts = TEXTS[language]
  document.documentElement.lang = language
  document.title = page.texts.title
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = page.texts[each.dataset.word]
  const [otherLanguage, name] = page.texts.otherLanguage
  element("language").lang = otherLanguage
  element("language").textContent = name
  for (const key of element("pad").children) if (key.dataset.label) key.ariaLabel = page.texts[key.dataset.label]
  element("saved").textContent = element("proof-state").textContent = ""
  updateClock()
}

function updateClock() {
  const now = new Date()
  const time = clockTime(now)
  element("minutes").textContent = time.slice(0, 5)
  element("seconds").textContent = time.slice(5)
  resetWhenIdle()
  const date = `${locale()} ${now.toDateString()}`
  if (date === page.date) return
  element("date").textContent = now.toLocaleDateString(locale(), { weekday: "long", day: "numeric", month: "long" })
  if (page.date) draw() // today's punches become yesterday's
  page.date = date
}

/** Hides an old outcome, and on an idle kiosk also clears the number and closes the settings. */
function resetWhenIdle() {
  const isConfirmation = element("outcome").className === "good"
  const kioskMs = isConfirmation ? KIOSK_CONFIRMATION_MS : KIOSK_OUTCOME_MS
  const shownMs = page.isKiosk ? kioskMs : page.askedEmployee === null ? OUTCOME_MS : CONFIRM_MS
  if (performance.now() - page.outcomeAt > shownMs) clearOutcome()
  if (!page.isKiosk || performance.now() - page.touchedAt < IDLE_MS) return
  clearEmployee()
  element("settings").open = false
  if (document.activeElement !== element("employee")) element("employee").focus({ preventScroll: true })
}

/* The button */

async function press() {
  if (page.askedEmployee !== null) return // another press or a badge reader's Enter does not answer the question
  // On a kiosk, ignore a second press of the same person, or the second Enter of a badge reader.
  if (page.isKiosk && element("employee").value === "" && (page.writesInProgress > 0 || page.shownPunchId !== null)) return
  clearOutcome() // so that a screen reader also reads the same text again
  const employee = parseEmployee(element("employee").value)
  if (employee === null) {
    showOutcome("bad", page.texts.noEmployee)
    element("employee").ariaInvalid = "true"
    element("employee").focus()
    return
  }
  if (page.isKiosk) clearEmployee()
  await storePunch(employee, CONFIRM_MS)
}

async function storePunch(employee, minGapMs) {
  const now = new Date()
  const id = uuid7(now.getTime(), crypto.getRandomValues(new Uint8Array(16)))
  let punch
  page.writesInProgress++
  const timer = setTimeout(() => showOutcome("busy", page.texts.saving), SLOW_MS)
  try {
    const { retry } = await database.getSettings("retry") // from the database, because the page may not have been drawn yet
    const offline = !navigator.onLine || retry !== null
    punch = await database.addPunch({ id, usuarioId: employee, ponto: timestamp(now), offline }, minGapMs)
  } catch (error) {
    page.isStuck ||= isTimeout(error)
    const text = error.name === "UncertainWriteError" ? page.texts.possiblyKept : page.texts.notKept
    showOutcome("bad", text(storageText(error)))
    draw() // the warnings no longer promise that punches are kept
    return
  } finally {
    clearTimeout(timer)
    page.writesInProgress--
  }
  if (punch.body.id !== id) return askToConfirm(punch)
  showPunchOutcome(punch)
  if (!page.isKiosk) database.saveSetting("employee", employee).catch(console.error) // the punch is stored anyway
  outbox.notifyChange()
  sendAndSchedule()
  registerBackgroundSync()
}

function answerQuestion(isConfirmed) {
  const employee = page.askedEmployee
  clearOutcome()
  element("press").focus({ preventScroll: true }) // the focused button is now hidden
  if (isConfirmed) storePunch(employee, 0)
}

/** Clears the number field, unless an employee is signed in. */
function clearEmployee() {
  if (!page.isSignedIn) element("employee").value = ""
}

/** Sends digits and Enter to the number field wherever the focus is, for keypads and badge readers. */
function routeKey(event) {
  const field = element("employee")
  const { key, target } = event
  const isSetting = target !== field && target.matches("input:not([type=checkbox])")
  if (!(page.isKiosk || page.askedEmployee !== null) || isSetting || element("replace").open) return
  if (event.ctrlKey || event.altKey || event.metaKey) return
  if (key === "Escape" && page.askedEmployee !== null) answerQuestion(false)
  if (/^\d$/.test(key)) {
    clearOutcome()
    if (target === field) return
    field.focus() // this digit is typed into it
    if (!page.isKiosk) field.select()
  } else if (key === "Enter" && !target.closest("button, summary, input")) {
    event.preventDefault()
    if (!event.repeat) element("punch").requestSubmit()
  }
}

function createNumberPad() {
  const keys = [..."123456789", "clear", "0", "back"].map(name => {
    const key = createElement("button", { clear: "C", back: "⌫" }[name] ?? name, { type: "button" })
    if (name.length > 1) key.dataset.label = name
    key.addEventListener("click", () => {
      const input = element("employee")
      const value = { clear: "", back: input.value.slice(0, -1) }[name] ?? input.value + name
      input.value = value.slice(0, input.maxLength)
      clearOutcome()
    })
    return key
  })
  element("pad").append(...keys)
}

/* Sign-in */

/** Offers a sign-in if the stage has a user pool, and handles the pool's redirect. */
async function offerSignIn() {
  const parameters = new URLSearchParams(location.search)
  const isRedirect = parameters.has("state")
  if (isRedirect) history.replaceState(null, "", location.pathname)
  page.hasUserPool = (await signIn.fetchUserPool()) !== null
  if (page.hasUserPool && isRedirect) {
    try {
      await signIn.finishSignIn(parameters)
    } catch (error) {
      showSignInError(error)
    }
  }
  outbox.notifyChange()
  sendAndSchedule()
}

const showSignInError = error => showOutcome("bad", page.texts.signInFailed(truncateReason(error.message)))

async function signInOrOut() {
  if (!page.isSignedIn) return signIn.startSignIn().catch(showSignInError)
  const { session } = await database.getSettings("session")
  await database.saveSetting("session", null)
  await database.saveSetting("employee", null)
  element("employee").value = ""
  outbox.notifyChange()
  element("sign").disabled = true // a second press would interrupt the navigation to the user pool
  element("sign").disabled = await signIn.signOut(session)
}

/* Storage */

async function exportPunches() {
  const lines = (await database.listAllPunches()).map(punch => `${JSON.stringify(punch.body)}\n`)
  const href = URL.createObjectURL(new Blob(lines, { type: "application/x-ndjson" }))
  const download = `ponto-${timestamp(new Date()).slice(0, 19).replaceAll(":", "")}.ndjson`
  createElement("a", "", { href, download }).click()
  setTimeout(() => URL.revokeObjectURL(href), MAX_WAIT_MS)
}

/** Requests persistent storage, and shows whether the browser granted it. */
async function requestPersistence() {
  const isPersistent = (await navigator.storage?.persist?.()) ?? false
  element("storage").textContent = isPersistent ? page.texts.persistent : page.texts.notPersistent
}

/* Other slices */

/** Starts the modules of other slices. The page does not wait for them, and works without them. */
async function startModules() {
  const { modules } = await signIn.fetchConfiguration()
  await Promise.all(modules.map(address => startModule(address).catch(console.error)))
  setLanguage(document.documentElement.lang)
  await draw()
}

async function startModule(address) {
  const module = await import(`./${address}`)
  for (const language in TEXTS) Object.assign(TEXTS[language], module.TEXTS[language])
  module.start()
  page.modules.push(module)
}

/* New versions */

async function installWorker() {
  if (!navigator.serviceWorker) return
  let registration = null
  let isControlled = navigator.serviceWorker.controller !== null
  let isReplaced = false
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    isReplaced = isControlled // the first worker of a page has the page's version
    isControlled = true
  })
  const timer = setInterval(() => {
    const isIdle = page.writesInProgress === 0 && performance.now() - page.touchedAt > IDLE_MS
    // Without a worker, a reload without network would lose the page.
    const canReload = page.isStuck && navigator.serviceWorker.controller !== null
    if ((isReplaced || canReload) && isIdle) {
      clearInterval(timer) // a second reload would interrupt the first
      location.reload()
    } else if (isIdle) registration?.waiting?.postMessage("take over")
  }, 1000)
  registration = await navigator.serviceWorker.register("sw.js", { type: "module", updateViaCache: "none" })
  setInterval(() => registration.update().catch(() => {}), 3_600_000) // fails without network
}

/* Start */

async function start() {
  createNumberPad()
  const linkKey = takeKeyFromAddress()
  setLanguage(chooseLanguage(null, navigator.languages))
  setInterval(updateClock, 250)

  for (const event of ["pointerdown", "keydown"])
    addEventListener(event, () => (page.touchedAt = performance.now()), { passive: true })
  element("punch").addEventListener("submit", event => (event.preventDefault(), press()))
  element("punch").addEventListener("keydown", event => {
    if (event.key === "Enter" && event.repeat) event.preventDefault() // a key that is held down stores one punch
  })
  element("press").addEventListener("click", event => {
    if (event.detail > 1) event.preventDefault() // a double click stores one punch
  })
  addEventListener("keydown", routeKey)
  addEventListener("click", event => {
    const keepsFocus = event.target.closest("#settings, #question, dialog")
    // After a click elsewhere, Enter must reach the number field again.
    if (page.isKiosk && event.detail > 0 && !keepsFocus) element("employee").focus({ preventScroll: true })
  })
  element("employee").addEventListener("input", clearOutcome)
  element("no").addEventListener("click", () => answerQuestion(false))
  element("yes").addEventListener("click", () => answerQuestion(true))
  element("more").addEventListener("click", () => {
    page.earlierCount += MORE_PUNCHES
    draw()
  })
  element("unlock").addEventListener("submit", event => (event.preventDefault(), unlockSettings().catch(reportError)))
  element("settings").addEventListener("toggle", () => {
    if (!element("settings").open && (page.isKiosk || page.isUnlocked)) lockSettings()
  })
  element("remembered").addEventListener("submit", event => (event.preventDefault(), saveSettings()))
  element("export").addEventListener("click", () => exportPunches().catch(reportError))
  element("sign").addEventListener("click", () => signInOrOut().catch(reportError))
  element("language").addEventListener("click", () => {
    const [language] = page.texts.otherLanguage
    setLanguage(language)
    database.saveSetting("language", language).then(draw).then(requestPersistence).catch(reportError)
  })
  addEventListener("pageshow", () => (element("sign").disabled = false)) // some browsers restore a page as it was left
  addEventListener("online", () => (draw(), sendNow()))
  addEventListener("offline", draw)
  addEventListener("hashchange", () => acceptKey(takeKeyFromAddress()))
  setInterval(() => acceptKey(page.unsavedKey), MAX_WAIT_MS)
  document.addEventListener("visibilitychange", () => {
    keepScreenOn().catch(console.error)
    if (document.visibilityState === "visible") sendNow()
  })
  element("remembered").addEventListener("input", event => page.editedSettings.add(event.target.id))
  watchInstallation(draw)
  outbox.setTokenRenewal(signIn.renewToken)
  outbox.onChange(draw)
  setInterval(() => reconcile().catch(reportError), DAY_MS) // a kiosk is never reloaded

  try {
    const { language, kiosk, key } = await database.getSettings("language", "kiosk", "key")
    setLanguage(chooseLanguage(language, navigator.languages))
    if (!key && !linkKey) element("settings").open = true // not closed otherwise: the user may have opened it
    await setKioskMode(kiosk === true)
  } catch (error) {
    reportError(error)
  }
  await draw()
  offerSignIn().catch(console.error) // fails without network if the worker has not cached the page's configuration
  startModules().catch(console.error)
  sendNow()
  acceptKey(linkKey)
  requestPersistence().catch(console.error)
  installWorker().catch(console.error) // without the worker the page works, but cannot be opened offline
}

start()
