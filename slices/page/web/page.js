/** The page: a clock, a button, and what became of each punch of today. */

import * as database from "./database.js"
import { choose, TEXTS } from "./i18n.js"
import * as outbox from "./outbox.js"
import * as signIn from "./sign-in.js"
import { DAY_MS, employeeOf, isOverdue, isSilence, isSkewed, keyIn, keyOf, nameOf, reasonOf, timestamp, uuid7 } from "./rules.js"

const LONGEST_MS = 60_000 // without a look at the outbox
const IDLE_MS = 30_000 // nobody touches the page: a new version may take over
const SHOWN_MS = 10_000 // a kiosk says so long what became of a punch: then somebody else stands there
const AGAIN_MS = 60_000 // between two punches of an employee, or the page asks
const SHOWN = 100 // punches of each state in the list
const LASTING = ["waiting", "refused", "conflict"] // states that are listed on later days too; *sent* is, from its oldest on
const REFUSED = ["refused", "conflict"] // nothing is recorded

const element = id => document.getElementById(id)
const make = (tag, text, properties) => Object.assign(document.createElement(tag), { textContent: text, ...properties })
const page = {
  texts: TEXTS["pt-BR"],
  kiosk: false,
  writing: 0, // punches that are being kept
  touched: performance.now(),
  date: "", // that the clock shows, and its language
  edited: new Set(), // settings that are not saved yet
  pool: false, // employees sign in
  session: false, // one has
  saidAt: 0, // when the page last said something below the button
  thanked: null, // the id of the punch that it said it of
  asked: null, // the employee who is asked whether to punch again
  unlocked: false, // the settings, by the PIN
  stuck: false, // a store does not answer, which after a full disk only another start of the page changes
}

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

const locale = () => document.documentElement.lang
const clockTime = date => date.toTimeString().slice(0, 8) // for both languages; a locale's takes a phone milliseconds

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

/**
 * Say something below the button.
 * @param {"good" | "bad" | "question" | ""} kind
 * @param {(string | Node)[]} parts
 */
function tell(kind, ...parts) {
  element("outcome").className = kind
  element("outcome").replaceChildren(...parts)
  element("question").hidden = kind !== "question"
  element("employee").ariaInvalid = null
  page.saidAt = performance.now()
  page.thanked = page.asked = null
}

const silence = () => tell("")

/** Say what has become of a punch, with thanks unless it is none. */
function thank(punch) {
  const outcome = element("outcome")
  const kind = REFUSED.includes(punch.state) ? "bad" : "good"
  const state = stateOf(punch)
  if (punch.state === "waiting") state.textContent = page.texts.kept
  if (page.thanked !== punch.body.id || outcome.className !== kind) {
    const punched = page.texts.punched(clockTime(new Date(punch.body.ponto)), punch.body.usuarioId)
    tell(kind, kind === "good" ? page.texts.thanks : "", punched, state)
  } else if (outcome.lastChild.textContent !== state.textContent) outcome.lastChild.replaceWith(state) // this alone is read out
  page.thanked = punch.body.id
}

function ask(punch) {
  const ago = Math.max(1, Math.round((Date.now() - Date.parse(punch.body.ponto)) / 1000))
  tell("question", page.texts.again(ago))
  page.asked = punch.body.usuarioId
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

/* What became of the punches */

/** Give a punch's state in words. */
function stateOf(punch) {
  const state = make("span", "")
  if (punch.state === "refused") {
    const reason = make("span", reasonOf(punch.reason), { lang: "en" }) // the API's own words
    state.append(page.texts.refused(punch.status, reason.textContent), reason)
  } else state.textContent = isOverdue(punch) ? page.texts.overdue : page.texts[punch.state]
  return state
}

const isRecent = at => Math.abs(Date.now() - at) < DAY_MS
const isToday = punch => new Date(punch.body.ponto).toDateString() === new Date().toDateString()

function line(punch) {
  const item = make("li", "")
  const at = new Date(punch.body.ponto)
  const shown = isToday(punch) ? clockTime(at) : `${at.toLocaleDateString(locale())} ${clockTime(at)}`
  const state = stateOf(punch)
  const overdue = isOverdue(punch)
  state.className = `state ${overdue ? "overdue" : punch.state}`
  item.append(make("time", shown, { dateTime: punch.body.ponto }), " ")
  if (page.kiosk && (overdue || REFUSED.includes(punch.state)))
    item.append(make("span", page.texts.whose(punch.body.usuarioId), { className: "whose" }), " ")
  item.append(state, " ", make("span", page.texts.number(punch.body.sequencia), { className: "number" }))
  return item
}

let drawing = null
let outdated = false

/** Give the name of the text that says why punches wait, if anything keeps them. */
function whyWaiting(retry) {
  if (!navigator.onLine) return "offline"
  if (retry) return retry.answered ? "retrying" : "unanswered"
}

/** Draw everything anew. Whatever changes during a drawing is one drawing after it. */
function draw() {
  outdated = true
  drawing ??= drawAll()
  return drawing
}

async function drawAll() {
  while (outdated) {
    outdated = false
    await drawNow().catch(broke)
  }
  drawing = null
}

async function drawNow() {
  const found = await database.remembered("key", "refusedKey", "retry", "skew", "device", "session", "kiosk", "restored", "pin")
  const [waiting, refused, conflicts] = await Promise.all(LASTING.map(database.count))
  const lasting = (await Promise.all(LASTING.map(state => database.newest(state, SHOWN)))).flat()
  const sent = await database.all("sent")
  const accepted = [...sent.slice(-SHOWN), ...(await database.newest("recorded", SHOWN))]
  const newestFirst = (one, other) => other.order - one.order
  const todays = [...lasting, ...accepted].filter(isToday).sort(newestFirst)
  const earlier = [...lasting, ...sent.slice(0, SHOWN)].filter(punch => !isToday(punch)).sort(newestFirst)
  const overdue = sent.filter(isOverdue).length
  const shown = todays.length + earlier.length
  page.stuck ||= database.isSilent()
  const thanked = [...lasting, ...accepted].find(({ body }) => body.id === page.thanked)
  if (thanked) thank(thanked)
  element("summary").textContent = page.texts.summary(waiting, refused, conflicts, overdue, shown)
  element("todays").replaceChildren(...todays.map(line))
  element("earlier").replaceChildren(...earlier.map(line))
  element("before").hidden = earlier.length === 0
  warn([
    !found.key && page.texts.noKey,
    page.pool && !found.session && page.texts.notSignedIn,
    found.key &&
      found.refusedKey?.key === found.key &&
      !(page.pool && !found.session) &&
      page.texts.stopped(found.refusedKey.status),
    waiting > 0 && page.texts[whyWaiting(found.retry)],
    database.isFailing() && page.texts.broken,
    found.restored && isRecent(found.restored.at) && page.texts.restored(found.restored.punches),
    isSkewed(found.skew) && page.texts.skewed(found.skew),
  ])
  element("who").hidden = !page.pool
  element("sign").textContent = found.session ? page.texts.signOut(found.session.employee) : page.texts.signIn
  page.session = found.session !== null
  element("employee").readOnly = page.session
  if (page.session) element("employee").value = found.session.employee
  element("key-state").textContent = found.key ? page.texts.keySet(found.key.slice(-4)) : page.texts.keyUnset
  // Another tab may have saved something: what is shown is what is so, but for what somebody edits here.
  if (page.kiosk !== (found.kiosk === true)) await show(!page.kiosk)
  if (!page.edited.has("device")) element("device").value = found.device?.name ?? ""
  if (!page.edited.has("kiosk")) element("kiosk").checked = found.kiosk === true
  const locked = page.kiosk && found.pin !== null && !page.unlocked
  if (!page.edited.has("pin")) element("pin").value = locked ? "" : (found.pin ?? "")
  element("unlock").hidden = !locked
  element("unlocked").hidden = locked
  element("device-state").textContent = found.device
    ? page.texts.deviceState(found.device.dispositivo)
    : page.texts.deviceUnset
}

/** Show warnings; what is there already is left alone, or it would be read out again. */
function warn(texts) {
  const wanted = texts.filter(Boolean)
  const warnings = element("warnings")
  for (const shown of [...warnings.children]) if (!wanted.includes(shown.textContent)) shown.remove()
  const there = Array.from(warnings.children, shown => shown.textContent)
  warnings.append(...wanted.filter(text => !there.includes(text)).map(text => make("p", text)))
}

function broke(error) {
  console.error(error)
  page.stuck ||= isSilence(error)
  warn([error.name === "QuotaExceededError" ? page.texts.broken : `${page.texts.broken} (${error.name})`])
}

/* Sending */

let sending, asking

async function wake() {
  clearTimeout(sending)
  let wait = LONGEST_MS
  try {
    wait = Math.min((await outbox.flush()) ?? LONGEST_MS, LONGEST_MS)
    askForReceipts()
    if (database.isFailing()) await reconcile()
  } catch (error) {
    broke(error)
  }
  clearTimeout(sending) // another call may have set it meanwhile
  sending = setTimeout(wake, wait)
}

const reconcile = () => database.reconcile().then(outbox.changed)

async function askForReceipts() {
  clearTimeout(asking)
  let wait = LONGEST_MS
  try {
    const next = await outbox.collect()
    if (next === null) return
    wait = next
  } catch (error) {
    broke(error)
  }
  clearTimeout(asking)
  asking = setTimeout(askForReceipts, wait)
}

async function hurry() {
  try {
    await outbox.hurry(true)
  } catch (error) {
    broke(error)
  }
  wake()
}

/** Let the browser send when the network is back, the page closed or not, where it can do that. */
async function sync() {
  try {
    const registration = await navigator.serviceWorker.ready
    await registration.sync?.register("outbox")
  } catch {
    // It is a bonus: not allowed, or not to be had here.
  }
}

/* Settings */

async function take(key) {
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
function keyFromAddress() {
  const key = keyIn(location.hash)
  if (location.hash.startsWith("#key=")) history.replaceState(null, "", location.pathname + location.search)
  return key
}

async function save() {
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

async function unlock() {
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
function lock() {
  page.unlocked = false
  page.edited.clear()
  element("key").value = element("proof").value = element("proof-state").textContent = ""
  draw()
}

async function show(kiosk) {
  page.kiosk = kiosk
  document.body.classList.toggle("kiosk", kiosk)
  element("pad").hidden = !kiosk
  element("employee").inputMode = kiosk ? "none" : "numeric" // the kiosk's own pad is enough
  const { employee } = await database.remembered("employee")
  if (kiosk) element("employee").value = ""
  else element("employee").value ||= employee ?? "" // somebody may have begun to type
}

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

async function exportAll() {
  const lines = (await database.everything()).map(punch => `${JSON.stringify(punch.body)}\n`)
  const href = URL.createObjectURL(new Blob(lines, { type: "application/x-ndjson" }))
  const download = `ponto-${timestamp(new Date()).slice(0, 19).replaceAll(":", "")}.ndjson`
  make("a", "", { href, download }).click()
  setTimeout(() => URL.revokeObjectURL(href), LONGEST_MS)
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
