/** What the page shows: today's punches and what became of them, warnings, and the settings as they are saved. */

import * as database from "./database.js"
import { REFUSED, stateOf, thank } from "./outcome.js"
import { DAY_MS, isOverdue, isSilence, isSkewed } from "./rules.js"
import { clockTime, element, locale, make, page } from "./state.js"

const SHOWN = 100 // punches of each state in the list
const LASTING = ["waiting", "refused", "conflict"] // states that are listed on later days too; *sent* is, from its oldest on

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

/** Return the name of the text that says why punches wait, if anything keeps them. */
function whyWaiting(retry) {
  if (!navigator.onLine) return "offline"
  if (retry) return retry.answered ? "retrying" : "unanswered"
}

/** Draw everything. All that changes during a drawing is drawn by one more after it. */
export function draw() {
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

export function broke(error) {
  console.error(error)
  page.stuck ||= isSilence(error)
  warn([error.name === "QuotaExceededError" ? page.texts.broken : `${page.texts.broken} (${error.name})`])
}

export async function show(kiosk) {
  page.kiosk = kiosk
  document.body.classList.toggle("kiosk", kiosk)
  element("pad").hidden = !kiosk
  element("employee").inputMode = kiosk ? "none" : "numeric" // the kiosk's own pad is enough
  const { employee } = await database.remembered("employee")
  if (kiosk) element("employee").value = ""
  else element("employee").value ||= employee ?? "" // somebody may have begun to type
}
