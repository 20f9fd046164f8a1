/** What the page says below the button, and a punch's state in words. */

import { isOverdue, reasonOf } from "./rules.js"
import { clockTime, element, make, page } from "./state.js"

export const REFUSED = ["refused", "conflict"] // nothing is recorded

/**
 * Say something below the button.
 * @param {"good" | "bad" | "question" | ""} kind
 * @param {(string | Node)[]} parts
 */
export function tell(kind, ...parts) {
  element("outcome").className = kind
  element("outcome").replaceChildren(...parts)
  element("question").hidden = kind !== "question"
  element("employee").ariaInvalid = null
  page.saidAt = performance.now()
  page.thanked = page.asked = null
}

export const silence = () => tell("")

/** Say what has become of a punch, with thanks unless it is none. */
export function thank(punch) {
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

export function ask(punch) {
  const ago = Math.max(1, Math.round((Date.now() - Date.parse(punch.body.ponto)) / 1000))
  tell("question", page.texts.again(ago))
  page.asked = punch.body.usuarioId
}

/** Return a punch's state in words. */
export function stateOf(punch) {
  const state = make("span", "")
  if (punch.state === "refused") {
    const reason = make("span", punch.reason, { lang: "en" }) // the API's own words
    state.append(page.texts.refused(punch.status, reason.textContent), reason)
  } else state.textContent = isOverdue(punch) ? page.texts.overdue : page.texts[punch.state]
  return state
}
