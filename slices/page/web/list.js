/** The list of punches: by day with their states; on a kiosk the number of punches, and those that need somebody's attention. */

import * as database from "./database.js"
import { formatPairs, groupByDay, latestDays } from "./days.js"
import { stateElement } from "./outcome.js"
import { receiptButton } from "./receipt.js"
import { REFUSED_STATES, isOverdue } from "./rules.js"
import { callModules, clockTime, createElement, element, locale, page } from "./state.js"

const MAX_SHOWN = 100 // punches of each state, and of today
const LASTING_STATES = ["waiting", ...REFUSED_STATES] // always listed, like the oldest punches in the state "sent"

const isToday = time => new Date(time).toDateString() === new Date().toDateString()
const shortTime = date => clockTime(date).slice(0, 5)
const needsAttention = punch => isOverdue(punch) || REFUSED_STATES.includes(punch.state)

/**
 * Draws the list.
 * @param {object | null} session
 * @returns {Promise<{waiting: number, punches: Punch[]}>} the number of waiting punches, and the punches that were read
 */
export async function drawList(session) {
  const limit = MAX_SHOWN + page.earlierCount
  const [waiting, refused, conflicts] = await Promise.all(LASTING_STATES.map(database.countPunches))
  const lasting = (await Promise.all(LASTING_STATES.map(state => database.listNewestPunches(state, MAX_SHOWN)))).flat()
  const sent = await database.listPunches("sent")
  const newest = await database.listNewestPunches(null, limit)
  const punches = [...new Map([...newest, ...lasting, ...sent.slice(0, MAX_SHOWN)].map(punch => [punch.order, punch])).values()]
  const overdue = sent.filter(isOverdue).length
  const problems = page.texts.summary(waiting, refused, conflicts, overdue)
  if (page.isKiosk) {
    const count = await database.countPunchesSince(new Date().setHours(0, 0, 0, 0))
    const state = problems ? "mixed" : sent.length > 0 ? "sent" : "recorded"
    showDays(groupByDay(punches.filter(needsAttention)), session)
    element("summary").textContent = `${page.texts.countToday(count, state)} ${problems}`.trim()
    element("more").hidden = true
  } else {
    const days = groupByDay(punches)
    // Nothing that is not recorded yet is hidden.
    const shown = latestDays(days, Date.now(), page.earlierCount)
    const isShown = day => shown.includes(day) || day.punches.some(punch => punch.state !== "recorded")
    showDays(days.filter(isShown), session)
    element("summary").textContent = punches.length === 0 ? page.texts.noPunch : problems
    element("more").hidden = shown.length === days.length && newest.length < limit
  }
  element("legend").hidden = punches.length === 0
  return { waiting, punches }
}

function showDays(days, session) {
  const namesEmployee = page.isKiosk || new Set(days.map(day => day.employee)).size > 1
  const focusedId = document.activeElement.id
  element("days").replaceChildren(...days.flatMap(day => dayElements(day, namesEmployee, session)))
  if (focusedId && document.activeElement.id !== focusedId) element(focusedId)?.focus({ preventScroll: true })
}

function dayElements(day, namesEmployee, session) {
  const date = new Date(day.at).toLocaleDateString(locale(), { weekday: "long", day: "numeric", month: "long" })
  const title = createElement("h3", isToday(day.at) ? page.texts.today(date) : date)
  if (namesEmployee) title.append(createElement("span", `, ${page.texts.employeeLabel(day.employee)}`, { className: "whose" }))
  const list = createElement("ol", "")
  list.append(...day.punches.map(punch => punchItem(punch, session)))
  const pairs = page.isKiosk ? "" : formatPairs(day.punches, shortTime)
  return pairs ? [title, createElement("p", pairs, { className: "pairs" }), list] : [title, list]
}

function punchItem(punch, session) {
  const item = createElement("li", "")
  const state = stateElement(punch)
  state.className = `state ${isOverdue(punch) ? "overdue" : punch.state}`
  item.append(createElement("time", clockTime(new Date(punch.body.ponto)), { dateTime: punch.body.ponto }), " ", state, " ")
  item.append(createElement("span", page.texts.number(punch.body.sequencia), { className: "number" }))
  if (punch.state === "recorded" && !page.isKiosk) item.append(receiptButton(punch))
  item.append(...callModules("punchAction", punch, session))
  return item
}
