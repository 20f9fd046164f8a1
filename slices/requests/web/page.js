/** Requests for corrections: a form, a button beside each own punch, and the signed-in employee's requests. */

import { draw as drawPage } from "../drawing.js"
import { callApi } from "../outbox.js"
import { parseEmployee, truncateReason, uuid7 } from "../rules.js"
import { createElement, element, locale, page } from "../state.js"

export { TEXTS } from "./texts.js"

const DRAFT = "request" // in sessionStorage, because a new version reloads the page
const PATH = "solicitacao"

/**
 * What was typed. `content` is what was sent last, as JSON, with its `id`: a retry of the same content has the same id.
 * @type {{employee: number | null, punch?: object, fields?: string[], content?: string, id?: string}}
 */
let draft = JSON.parse(sessionStorage.getItem(DRAFT)) ?? { employee: null }
let requests = []
let isSending = false
let stateWord = "" // key of the text below the form
let refusal = "" // the API's message
let listedEmployee = null // whose requests were asked for

const fields = () => [element("ask-day"), element("ask-time"), element("ask-reason")]
const formatTime = time => new Date(time).toLocaleString(locale(), { dateStyle: "short", timeStyle: "short" })

function createField(word, id, properties) {
  const label = createElement("label", "", { htmlFor: id })
  label.dataset.word = word
  return [label, createElement("input", "", { id, autocomplete: "off", ...properties })]
}

function createWord(tag, word, properties) {
  const created = createElement(tag, "", properties)
  created.dataset.word = word
  return created
}

/** Adds the form and the list above the settings. */
export function start() {
  const form = createElement("form", "", { id: "ask-form", noValidate: true })
  const times = createElement("div", "", { id: "ask-times" })
  times.append(...createField("askDay", "ask-day", { type: "date" }), ...createField("askTime", "ask-time", { type: "time" }))
  const about = createElement("p", "", { id: "ask-punch" })
  const other = createWord("button", "askOther", { type: "button", id: "ask-other", className: "plain" })
  const state = createElement("p", "", { id: "ask-state" })
  state.role = "status"
  const reason = createField("askReason", "ask-reason", { maxLength: 200 })
  const press = createElement("p", "")
  press.append(createWord("button", "askSend"))
  form.append(about, other, times, ...reason, press, state)
  const details = createElement("details", "", { id: "ask", className: "card" })
  details.append(createWord("summary", "ask"), form)
  const list = createElement("section", "", { id: "requests", className: "card", hidden: true })
  list.setAttribute("aria-labelledby", "requests-title")
  list.append(createWord("h2", "requests", { id: "requests-title" }), createElement("ul", "", { id: "requests-list" }))
  element("settings").before(details, list)

  fields().forEach((field, index) => (field.value = draft.fields?.[index] ?? ""))
  details.open = Boolean(draft.punch || draft.fields?.some(Boolean))
  form.addEventListener("input", () => saveDraft({ fields: fields().map(field => field.value) }))
  form.addEventListener("submit", event => {
    event.preventDefault()
    if (!isSending) send().catch(error => (console.error(error), showState("askFailed")))
  })
  other.addEventListener("click", () => {
    if (isSending) return
    saveDraft({ punch: undefined })
    drawForm()
    element("ask-day").focus()
  })
}

function saveDraft(changes) {
  draft = { ...draft, ...changes }
  sessionStorage.setItem(DRAFT, JSON.stringify(draft))
}

function clearDraft(employee) {
  draft = { employee }
  sessionStorage.removeItem(DRAFT)
  for (const field of fields()) field.value = ""
}

/** Returns a button that asks to disregard a punch that was sent; a kiosk does not know who presses it. */
export function punchAction(punch, session) {
  const isOwn = session ? punch.body.usuarioId === session.employee : !page.hasUserPool
  if (page.isKiosk || !isOwn || !["sent", "recorded"].includes(punch.state)) return undefined
  const button = createElement("button", page.texts.askAboutPunch, { type: "button", className: "plain", id: `ask-${punch.body.id}` })
  button.ariaLabel = `${page.texts.askAboutPunch}: ${formatTime(punch.body.ponto)}`
  button.addEventListener("click", () => {
    if (isSending) return
    const { id, usuarioId, ponto } = punch.body
    saveDraft({ punch: { id, usuarioId, ponto } })
    element("ask").open = true
    showState("")
    drawForm()
    element("ask-reason").focus()
    element("ask-reason").select() // a reason that was typed for another request is replaced by typing
  })
  return button
}

/** Draws form and list. When another employee has signed in, forgets what the last one typed and asked for. */
export function draw({ session }) {
  const employee = session?.employee ?? null
  if (employee !== draft.employee) {
    clearDraft(employee)
    showState("")
    requests = []
  }
  if (employee !== null && employee !== listedEmployee) load(employee).catch(console.error)
  listedEmployee = employee
  drawForm()
  drawList()
}

async function load(employee) {
  const { status, body } = await callApi(PATH)
  if (status === 0) listedEmployee = null // without network: the next change, such as its return, loads the list again
  if (employee !== draft.employee || status !== 200 || !Array.isArray(body?.solicitacoes)) return
  requests = body.solicitacoes
  drawList()
}

function drawForm() {
  element("ask").hidden = page.isKiosk || (page.hasUserPool && !page.isSignedIn)
  element("ask-times").hidden = Boolean(draft.punch)
  element("ask-punch").hidden = element("ask-other").hidden = !draft.punch
  element("ask-punch").textContent = draft.punch ? page.texts.askPunch(formatTime(draft.punch.ponto)) : ""
  showState(stateWord, refusal)
}

function drawList() {
  element("requests").hidden = page.isKiosk || requests.length === 0
  const items = requests.map(request => {
    const when = request.ponto ? ` ${formatTime(request.ponto)}` : ""
    const state = page.texts.requestStates[request.situacao] ?? request.situacao
    const what = page.texts.requestKinds[request.tipo] ?? request.tipo
    const reason = request.recusa ? `: ${truncateReason(request.recusa)}` : ""
    return createElement("li", `${what}${when} (${truncateReason(request.motivo)}): ${state}${reason}`)
  })
  element("requests-list").replaceChildren(...items)
}

/** Shows a text below the form; a screen reader reads it only if it changes. */
function showState(word, message = "") {
  stateWord = word
  refusal = message
  const text = (page.texts[word] ?? "") + message
  if (element("ask-state").textContent === text) return
  const parts = [page.texts[word] ?? "", createElement("span", message, { lang: "en" })]
  element("ask-state").replaceChildren(...parts)
}

/** Returns the content of the request, or null if something is missing. */
function readContent() {
  const [day, time, reason] = fields().map(field => field.value.trim())
  const usuarioId = draft.punch?.usuarioId ?? parseEmployee(element("employee").value)
  if (usuarioId === null || reason.length < 3 || !(draft.punch || (day && time))) return null
  return draft.punch
    ? { usuarioId, tipo: "desconsideracao", batidaId: draft.punch.id, motivo: reason }
    : { usuarioId, tipo: "inclusao", ponto: `${day}T${time}`, motivo: reason }
}

async function send() {
  const content = readContent()
  if (content === null) {
    showState(draft.punch ? "askReasonMissing" : "askIncomplete")
    const empty = fields().find(field => !field.value.trim() && field.checkVisibility())
    const hasEmployee = draft.punch || parseEmployee(element("employee").value) !== null
    return (empty ?? element(hasEmployee ? "ask-reason" : "employee")).focus()
  }
  if (!navigator.onLine) return showState("askOffline")
  const json = JSON.stringify(content)
  if (draft.content !== json) saveDraft({ content: json, id: uuid7(Date.now(), crypto.getRandomValues(new Uint8Array(16))) })
  const employee = draft.employee
  setSending(true)
  showState("askSending")
  try {
    const body = JSON.stringify({ id: draft.id, ...content })
    const response = await callApi(PATH, { method: "POST", headers: { "content-type": "application/json" }, body })
    if (employee !== draft.employee) return // another employee has signed in
    showResponse(response, content)
  } finally {
    setSending(false)
  }
  await drawPage()
}

/** While a request is sent, its fields cannot be changed: the response is about what they show. */
function setSending(value) {
  isSending = value
  for (const field of fields()) field.readOnly = value
}

function showResponse({ status, body }, content) {
  if (status === 200 || status === 201) {
    const { employee } = draft
    clearDraft(employee)
    drawForm()
    showState("askSent")
    if (employee !== null) load(employee).catch(console.error)
  } else if (status === 0) showState("askOffline")
  else if (status === 404 && content.batidaId) showState("askNotStored")
  else if (status < 500 && status !== 429) {
    if (status === 409) saveDraft({ content: undefined })
    showState("askRefused", truncateReason(body?.message) || String(status))
  } else showState("askFailed")
}
