/** The days of the list. This module uses no storage, network or document. */

import { DAY_MS, REFUSED_STATES } from "./rules.js"

const REST_MS = 11 * 3_600_000 // between two shifts, by CLT, art. 66; a shorter one belongs to a shift that passes midnight

const instant = punch => Date.parse(punch.body.ponto)
const isOnSameDate = (one, other) => new Date(one).toDateString() === new Date(other).toDateString()

/**
 * Groups punches by employee and day. A shift that passes midnight belongs to the day on which it began.
 * @param {Punch[]} punches in any order
 * @returns {{employee: number, at: number, punches: Punch[]}[]} newest first; at: of its first punch, in ms since the epoch
 */
export function groupByDay(punches) {
  const days = []
  const current = new Map() // employee -> the day of the punch before
  for (const punch of [...punches].sort((one, other) => instant(one) - instant(other) || one.order - other.order)) {
    const { usuarioId: employee } = punch.body
    const at = instant(punch)
    let day = current.get(employee)
    const belongs = day && (isOnSameDate(day.at, at) || (at - instant(day.punches[0]) < REST_MS && at - day.at < DAY_MS))
    if (!belongs) {
      day = { employee, at, punches: [] }
      days.push(day)
      current.set(employee, day)
    }
    day.punches.unshift(punch)
  }
  return days.reverse()
}

/**
 * Returns the newest days: all that reach a date, and as many before as have a number of punches.
 * @param {ReturnType<typeof groupByDay>} days
 * @param {number} today a time of that date, in ms since the epoch
 * @param {number} count
 */
export function latestDays(days, today, count) {
  let missing = count
  return days.filter(({ punches }) => {
    if (isOnSameDate(instant(punches[0]), today)) return true
    const isShown = missing > 0
    missing -= punches.length
    return isShown
  })
}

/**
 * Formats the punches of a day as pairs: "08:01 – 12:00, 13:02 – ...". Those that were refused do not count.
 * @param {Punch[]} punches newest first
 * @param {(date: Date) => string} formatTime
 */
export function formatPairs(punches, formatTime) {
  const times = punches.filter(({ state }) => !REFUSED_STATES.includes(state)).map(punch => formatTime(new Date(instant(punch))))
  const pairs = []
  while (times.length > 0) pairs.push(`${times.pop()} – ${times.pop() ?? "..."}`)
  return pairs.join(", ")
}
