/** The page: a clock, a button, and what became of each punch of today. */

import * as database from "./database.js"
import { broke, draw, show } from "./drawing.js"
import { choose, TEXTS } from "./i18n.js"
import * as outbox from "./outbox.js"
import { ask, silence, tell, thank } from "./outcome.js"
import { DAY_MS, employeeOf, isSilence, reasonOf, timestamp, uuid7 } from "./rules.js"
import { hurry, MAX_WAIT_MS, reconcile, sync, wake } from "./sending.js"
import { keyFromAddress, lock, save, take, unlock } from "./settings.js"
import * as signIn from "./sign-in.js"
import { clockTime, element, locale, make, page } from "./state.js"

const IDLE_MS = 30_000 // nobody touches the page: a new version may take over
const SHOWN_MS = 10_000 // a kiosk says so long what became of a punch: then somebody else stands there
const AGAIN_MS = 60_000 // between two punches of an employee, or the page asks

/* Words */

function speak(language) {
  page.texts = TEXTS[language]
  document.documentElement.lang = language
  document.title = page.texts.title
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = page.texts[each.dataset.word]
  const [other, name] = page.texts.other
  element("language").lang = other
  element("language").textContent = name
  for (const key of element("pad").children) if (key.dataset.label) key.ariaLabel = page.texts[key.dataset.label]
  element("saved").textContent = element("proof-state").textContent = ""
  tick()
}

function tick() {
  const now = new Date()
  const time = clockTime(now)
  element("minutes").textContent = time.slice(0, 5)
  element("seconds").textContent = time.slice(5)
  if (page.kiosk || page.asked !== null) rest()
  const date = `${locale()} ${now.toDateString()}`
  if (date === page.date) return
  element("date").textContent = now.toLocaleDateString(locale(), { weekday: "long", day: "numeric", month: "long" })
  if (page.date) {
    silence()
    draw() // today has become yesterday
  }
  page.date = date
}

/** Forget what the last person has left. */
function rest() {
  if (performance.now() - page.saidAt > (page.kiosk ? SHOWN_MS : AGAIN_MS)) silence()
  if (!page.kiosk || performance.now() - page.touched < IDLE_MS) return
  empty()
  element("settings").open = false
  if (document.activeElement !== element("employee")) element("employee").focus({ preventScroll: true })
}

/* The button */

async function press() {
  if (page.asked !== null) return // neither another press nor a badge reader's Enter is an answer
  // A second press of the same person, or a reader that ends with two Enters.
  if (page.kiosk && element("employee").value === "" && (page.writing > 0 || page.thanked !== null)) return
  tick() // if this is a new day, it has begun before this
  silence() // the same words as before are read out again
  const employee = employeeOf(element("employee").value)
  if (employee === null) {
    tell("bad", page.texts.noEmployee)
    element("employee").ariaInvalid = "true"
    element("employee").focus()
    return
  }
  if (page.kiosk) empty()
  await keep(employee, AGAIN_MS)
}

async function keep(employee, apart) {
  const now = new Date()
  const id = uuid7(now.getTime(), crypto.getRandomValues(new Uint8Array(16)))
  let punch
  page.writing++
  try {
    const { retry } = await database.remembered("retry") // anew: the page may have drawn nothing yet
    const offline = !navigator.onLine || retry !== null
    punch = await database.add({ id, usuarioId: employee, ponto: timestamp(now), offline }, apart)
  } catch (error) {
    page.stuck ||= isSilence(error)
    const reason = isSilence(error) ? page.texts.silent : error.message
    if (error.name === "TakeBackError") tell("bad", page.texts.unsure(reason))
    else tell("bad", error.name === "QuotaExceededError" ? page.texts.full : page.texts.failed(reason))
    return
  } finally {
    page.writing--
  }
  if (punch.body.id !== id) return ask(punch)
  thank(punch)
  if (!page.kiosk) database.remember("employee", employee).catch(console.error) // the punch is kept all the same
  outbox.changed()
  wake()
  sync()
}

function reply(again) {
  const employee = page.asked
  silence()
  element("press").focus({ preventScroll: true }) // what had it is hidden
  if (again) keep(employee, 0)
}

/** Leave the field to the next person. */
function empty() {
  if (!page.session) element("employee").value = ""
}

/** Let digits and Enter reach the field wherever the focus is: keypads and badge readers do not look for it. */
function route(event) {
  const field = element("employee")
  const { key, target } = event
  const elsewhere = target !== field && target.matches("input:not([type=checkbox])") // in the settings
  if (!(page.kiosk || page.asked !== null) || elsewhere || element("replace").open) return
  if (event.ctrlKey || event.altKey || event.metaKey) return
  if (/^\d$/.test(key)) {
    silence()
    if (target === field) return
    field.focus() // where this digit goes, too
    if (!page.kiosk) field.select()
  } else if (key === "Enter" && !target.closest("button, summary, input")) {
    event.preventDefault()
    if (!event.repeat) element("punch").requestSubmit()
  }
}

function makePad() {
  const keys = [..."123456789", "clear", "0", "back"].map(name => {
    const key = make("button", { clear: "C", back: "⌫" }[name] ?? name, { type: "button" })
    if (name.length > 1) key.dataset.label = name
    key.addEventListener("click", () => {
      const input = element("employee")
      const value = { clear: "", back: input.value.slice(0, -1) }[name] ?? input.value + name
      input.value = value.slice(0, input.maxLength)
      silence()
    })
    return key
  })
  element("pad").append(...keys)
}

/* Sign-in */

/** Where the stage has a user pool: offer it, and take what it sent back. */
async function joinPool() {
  const answer = new URLSearchParams(location.search)
  const answered = answer.has("state")
  if (answered) history.replaceState(null, "", location.pathname)
  page.pool = (await signIn.userPool()) !== null
  if (page.pool && answered) {
    try {
      await signIn.finish(answer)
    } catch (error) {
      notSignedIn(error)
    }
  }
  outbox.changed()
  wake()
}

const notSignedIn = error => tell("bad", page.texts.signInFailed(reasonOf(error.message)))

async function sign() {
  if (!page.session) return signIn.begin().catch(notSignedIn)
  const { session } = await database.remembered("session")
  await database.remember("session", null)
  await database.remember("employee", null)
  element("employee").value = ""
  outbox.changed()
  element("sign").disabled = true // pressed again, it would break off the way to the user pool
  element("sign").disabled = await signIn.leave(session)
}

/* Storage */

async function exportAll() {
  const lines = (await database.everything()).map(punch => `${JSON.stringify(punch.body)}\n`)
  const href = URL.createObjectURL(new Blob(lines, { type: "application/x-ndjson" }))
  const download = `ponto-${timestamp(new Date()).slice(0, 19).replaceAll(":", "")}.ndjson`
  make("a", "", { href, download }).click()
  setTimeout(() => URL.revokeObjectURL(href), MAX_WAIT_MS)
}

/** Ask that the punches outlive a lack of space, and say whether they do. */
async function persist() {
  const kept = (await navigator.storage?.persist?.()) ?? false
  element("storage").textContent = kept ? page.texts.persistent : page.texts.best
}

/* New versions */

async function install() {
  if (!navigator.serviceWorker) return
  let registration = null
  let controlled = navigator.serviceWorker.controller !== null
  let replaced = false
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    replaced = controlled // the first worker of all brings no other version
    controlled = true
  })
  const looking = setInterval(() => {
    const idle = page.writing === 0 && performance.now() - page.touched > IDLE_MS
    const stuck = page.stuck && navigator.serviceWorker.controller !== null // without a worker there may be no page to load
    if ((replaced || stuck) && idle) {
      clearInterval(looking) // once: another one would break off the first while it loads
      location.reload()
    } else if (idle) registration?.waiting?.postMessage("take over")
  }, 1000)
  registration = await navigator.serviceWorker.register("sw.js", { type: "module", updateViaCache: "none" })
  setInterval(() => registration.update().catch(() => {}), 3_600_000) // without network there is none
}

/* Start */

async function start() {
  makePad()
  const link = keyFromAddress()
  speak(choose(null, navigator.languages))
  setInterval(tick, 250)

  for (const event of ["pointerdown", "keydown"])
    addEventListener(event, () => (page.touched = performance.now()), { passive: true })
  element("punch").addEventListener("submit", event => (event.preventDefault(), press()))
  element("punch").addEventListener("keydown", event => {
    if (event.key === "Enter" && event.repeat) event.preventDefault() // a key that is held is one punch
  })
  element("press").addEventListener("click", event => {
    if (event.detail > 1) event.preventDefault() // so is a double click
  })
  addEventListener("keydown", route)
  addEventListener("click", event => {
    const mine = event.target.closest("#settings, #question, dialog")
    if (page.kiosk && event.detail > 0 && !mine) element("employee").focus({ preventScroll: true }) // Enter is the field's again
  })
  element("employee").addEventListener("input", silence)
  element("no").addEventListener("click", () => reply(false))
  element("yes").addEventListener("click", () => reply(true))
  element("unlock").addEventListener("submit", event => (event.preventDefault(), unlock().catch(broke)))
  element("settings").addEventListener("toggle", () => {
    if (!element("settings").open && (page.kiosk || page.unlocked)) lock()
  })
  element("remembered").addEventListener("submit", event => (event.preventDefault(), save().catch(broke)))
  element("export").addEventListener("click", () => exportAll().catch(broke))
  element("sign").addEventListener("click", () => sign().catch(broke))
  element("language").addEventListener("click", () => {
    const [language] = page.texts.other
    speak(language)
    database.remember("language", language).then(draw).then(persist).catch(broke)
  })
  addEventListener("pageshow", () => (element("sign").disabled = false)) // some browsers come back to a page as it was left
  addEventListener("online", () => (draw(), hurry()))
  addEventListener("offline", draw)
  addEventListener("hashchange", () => take(keyFromAddress()).catch(broke))
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") hurry()
  })
  element("remembered").addEventListener("input", event => page.edited.add(event.target.id))
  outbox.renewBy(signIn.renew)
  outbox.onChange(draw)
  setInterval(() => reconcile().catch(broke), DAY_MS) // a kiosk is never opened anew

  try {
    const { language, kiosk, key } = await database.remembered("language", "kiosk", "key")
    speak(choose(language, navigator.languages))
    if (!key && !link) element("settings").open = true // never closed: somebody may have opened it meanwhile
    await show(kiosk === true)
  } catch (error) {
    broke(error)
  }
  await draw()
  joinPool().catch(console.error) // without network and without the worker nobody knows whether there is one
  hurry()
  take(link).catch(broke)
  persist().catch(console.error)
  install().catch(console.error) // the page works without, but not from nothing when offline
}

start()
