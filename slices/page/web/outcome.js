/** The outcome, which is the text below the button, and the text of a punch's state. */

import { sendingId } from "./outbox.js"
import { REFUSED_STATES, isOverdue } from "./rules.js"
import { clockTime, createElement, element, page } from "./state.js"

/**
 * Shows a text below the button.
 * @param {"good" | "bad" | "busy" | "question" | ""} kind busy: the punch is being stored
 * @param {(string | Node)[]} parts
 */
export function showOutcome(kind, ...parts) {
  element("outcome").className = kind
  element("outcome").dataset.state = "" // set by `showPunchOutcome`
  element("outcome").replaceChildren(...parts)
  element("question").hidden = kind !== "question"
  element("employee").ariaInvalid = null
  if (parts.length > 0) element("answer").scrollIntoView({ block: "nearest" })
  page.outcomeAt = performance.now()
  page.shownPunchId = page.askedEmployee = null
}

export const clearOutcome = () => showOutcome("")

/** Shows the state of a punch below the button: as a confirmation, or as an error if it will not be recorded. */
export function showPunchOutcome(punch) {
  const outcome = element("outcome")
  const kind = REFUSED_STATES.includes(punch.state) ? "bad" : "good"
  const state = stateElement(punch, page.texts.kept)
  if (page.shownPunchId !== punch.body.id || outcome.className !== kind) {
    const punched = page.texts.punched(clockTime(new Date(punch.body.ponto)), punch.body.usuarioId)
    showOutcome(kind, kind === "good" ? page.texts.thanks : "", punched, state)
  } else if (outcome.lastChild.textContent !== state.textContent) {
    outcome.lastChild.replaceWith(state) // a screen reader reads only the state again
  }
  outcome.dataset.state = punch.state
  page.shownPunchId = punch.body.id
}

/** Asks whether to punch again. */
export function askToConfirm(punch) {
  const ago = Math.max(1, Math.round((Date.now() - Date.parse(punch.body.ponto)) / 1000))
  const employee = punch.body.usuarioId
  showOutcome("question", page.texts.confirmSecond(ago, employee))
  page.askedEmployee = employee
}

/** Returns an element with the text of a punch's state; `kept` is that of a waiting one. */
export function stateElement(punch, kept = page.texts.waiting) {
  const state = createElement("span", "")
  if (punch.state === "refused") {
    const reason = createElement("span", punch.reason, { lang: "en" }) // the API's message
    state.append(page.texts.refused(punch.status, reason.textContent), reason)
  } else if (punch.state === "waiting") state.textContent = punch.body.id === sendingId ? `${kept}, ${page.texts.sending}` : kept
  else state.textContent = isOverdue(punch) ? page.texts.overdue : page.texts[punch.state]
  return state
}
