/** Requests for corrections: a form, a button beside each own punch, and the employee's requests. */

import { draw as drawPage } from "../drawing.js"
import { callApi } from "../outbox.js"
import { DAY_MS, parseEmployee, timestamp, truncateReason, uuid7 } from "../rules.js"
import { createElement, element, locale, page } from "../state.js"

export { TEXTS } from "./texts.js"

const DRAFT = "request" // in sessionStorage, because a new version reloads the page
const PATH = "solicitacao"
const MAX_AGE_DAYS = 60 // the API refuses requests about earlier punches
const MAX_REASON_LENGTH = 200
const REFRESH_MS = 600_000
const SHORT_LENGTH = 5 // requests in the list, until all are shown
const KEPT = "requests" // in localStorage: requests that this device sent, and with sign-in the employee's others

/**
 * What was typed. `punch`: the punch whose button was pressed; `kind`: what is asked about it; `content`: what was sent last, as
 * JSON, with its `id`: a retry of the same content has the same id.
 * @type {{employee: number | null, punch?: object, kind?: string, fields?: string[], content?: string, id?: string}}
 */
let draft = JSON.parse(sessionStorage.getItem(DRAFT)) ?? { employee: null }
let requests = readKept()
let showsAll = false
let isSending = false
let hasKey = false
let state = ["", () => ""] // kind and text below the form, as arguments of `showState`
let refreshed = { employee: null, at: -Infinity } // whose requests were asked for, and when by performance.now()

const FIELDS = { futuro: "ask-day", antigo: "ask-day", ambiguo: "ask-time", inexistente: "ask-time", invalido: "ask-reason" } // by code

const fields = () => [element("ask-day"), element("ask-time"), element("ask-reason")]
const canAskAgain = ({ situacao }) => ["recusada", "desfeita"].includes(situacao)
const isDisregard = () => Boolean(draft.punch) && draft.kind === "desconsideracao"
const askedEmployee = () => draft.punch?.usuarioId ?? parseEmployee(element("employee").value)
const formatDay = daysAgo => timestamp(new Date(Date.now() - daysAgo * DAY_MS)).slice(0, 10)
const formatTime = time =>
  new Date(time).toLocaleString(locale(), { weekday: "short", day: "2-digit", month: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" })

function createField(word, id, properties, tag = "input") {
  const field = createElement("p", "")
  field.append(createWord("label", word, { htmlFor: id }), createElement(tag, "", { id, autocomplete: "off", ...properties }))
  return field
}

/** Returns a choice of what is asked about a punch. */
function createChoice(kind) {
  const label = createElement("label", "", { className: "choice" })
  const radio = createElement("input", "", { type: "radio", name: "ask-kind", id: `ask-${kind}`, value: kind })
  radio.addEventListener("change", () => (saveDraft({ kind }), drawForm()))
  label.append(radio, " ", createWord("span", kind))
  return label
}

function createWord(tag, word, properties) {
  const created = createElement(tag, "", properties)
  created.dataset.word = word
  return created
}

/** Adds the form and the list above the settings. */
export function start() {
  document.head.append(createElement("link", "", { rel: "stylesheet", href: new URL("style.css", import.meta.url).href }))
  const form = createElement("form", "", { id: "ask-form", noValidate: true })
  const about = createElement("fieldset", "", { id: "ask-about" })
  about.append(createElement("legend", "", { id: "ask-punch" }), ...["desconsideracao", "inclusao"].map(createChoice))
  const times = createElement("div", "", { id: "ask-times" })
  times.append(createField("askDay", "ask-day", { type: "date" }), createField("askTime", "ask-time", { type: "time" }))
  const reason = createField("askReason", "ask-reason", { maxLength: MAX_REASON_LENGTH, rows: 2 }, "textarea")
  reason.append(createElement("small", "", { id: "ask-count" }))
  const status = createElement("p", "", { id: "ask-state" })
  status.role = "status"
  form.append(createElement("p", "", { id: "ask-employee" }), about, times, reason, createWord("button", "askSend"), status)
  const details = createElement("details", "", { id: "ask", className: "card" })
  details.append(createElement("summary", ""), form)
  const list = createElement("section", "", { id: "requests", className: "card", hidden: true })
  list.setAttribute("aria-labelledby", "requests-title")
  list.append(createWord("h2", "requests", { id: "requests-title" }), createElement("ul", "", { id: "requests-list" }))
  const more = createElement("button", "", { type: "button", id: "requests-all", className: "plain" })
  more.addEventListener("click", () => ((showsAll = !showsAll), drawList()))
  list.append(more)
  element("settings").before(details, list)

  showDraft()
  form.addEventListener("input", () => {
    saveDraft({ fields: fields().map(field => field.value) })
    markInvalid([])
    drawForm()
  })
  element("employee").addEventListener("input", () => (drawForm(), drawList()))
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") drawPage()
  })
  form.addEventListener("submit", event => {
    event.preventDefault()
    if (!isSending) send().catch(error => (console.error(error), showState("bad", () => page.texts.askFailed)))
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

/**
 * Returns a button that asks for a correction of a punch that was sent, or the state of the request; a kiosk does not know who
 * presses it.
 */
export function punchAction(punch, session) {
  const isOwn = session ? punch.body.usuarioId === session.employee : !page.hasUserPool
  if (page.isKiosk || !isOwn || !["sent", "recorded"].includes(punch.state)) return undefined
  const { id, usuarioId, ponto } = punch.body
  const request = requests.find(({ batidaId }) => batidaId === id)
  const mark = request && createElement("span", page.texts.requestMark(request.situacao), { className: "asked" })
  if (request && !canAskAgain(request)) return mark
  const button = createElement("button", page.texts.fix, { type: "button", className: "plain small fix", id: `ask-${id}` })
  button.ariaLabel = `${page.texts.fix}: ${formatTime(ponto)}`
  button.addEventListener("click", () => {
    if (isSending) return
    const day = timestamp(new Date(ponto)).slice(0, 10)
    saveDraft({ punch: { id, usuarioId, ponto }, kind: "desconsideracao", fields: [day, "", element("ask-reason").value] })
    showDraft()
    clearState()
    drawForm()
    element("ask-desconsideracao").focus()
  })
  return request ? [button, mark] : button
}

function showDraft() {
  fields().forEach((field, index) => (field.value = draft.fields?.[index] ?? ""))
  element("ask").open = Boolean(draft.punch || draft.fields?.some(Boolean))
}

/** Draws form and list. When another employee has signed in, forgets what the last one typed and asked for. */
export function draw({ key, session }) {
  hasKey = Boolean(key)
  const employee = session?.employee ?? null
  if (employee !== draft.employee) {
    clearDraft(employee)
    clearState()
  }
  requests = readKept()
  if (page.hasUserPool && requests.some(({ usuarioId }) => usuarioId !== employee)) {
    localStorage.removeItem(KEPT) // another employee's; the server lists the own ones
    requests = []
  }
  if (employee !== refreshed.employee || performance.now() - refreshed.at > REFRESH_MS) refresh(employee).catch(console.error)
  drawForm()
  drawList()
}

function readKept() {
  return JSON.parse(localStorage.getItem(KEPT)) ?? []
}

/** Keeps requests that are new or have changed. */
function keep(changed) {
  const others = readKept().filter(({ id }) => !changed.some(request => request.id === id))
  requests = [...changed, ...others]
    .filter(({ criadaEm }) => Date.now() - Date.parse(criadaEm) < MAX_AGE_DAYS * DAY_MS)
    .sort((one, other) => Date.parse(other.criadaEm) - Date.parse(one.criadaEm))
  localStorage.setItem(KEPT, JSON.stringify(requests))
}

/** Asks for the signed-in employee's requests, or without sign-in for the states of those that this device sent and that wait. */
async function refresh(employee) {
  const now = (refreshed = { employee, at: performance.now() })
  const waiting = employee === null ? requests.filter(({ situacao }) => situacao === "aguardando") : []
  for (const path of employee === null ? waiting.map(({ id }) => `${PATH}/${id}`) : [PATH]) {
    const { status, body } = await callApi(path)
    if (status === 0) now.at = -Infinity // without network: the next change, such as its return, asks again
    if (employee !== draft.employee || (status !== 200 && status !== 404)) return
    const request = waiting.find(({ id }) => id === body?.id)
    if (request) keep([{ ...request, situacao: body.situacao, recusa: body.recusa }])
    else if (Array.isArray(body?.solicitacoes)) keep(body.solicitacoes)
    await drawPage()
  }
}

function drawForm() {
  element("ask").hidden = page.isKiosk || !hasKey || (page.hasUserPool && !page.isSignedIn)
  const { askFor, askForNone, askPunch, ask, fix } = page.texts
  const employee = askedEmployee()
  element("ask").querySelector("summary").textContent = draft.punch ? fix : ask
  element("ask-employee").textContent = employee === null ? askForNone : askFor(employee)
  element("ask-about").hidden = !draft.punch
  element("ask-punch").textContent = draft.punch ? askPunch(formatTime(draft.punch.ponto)) : ""
  element(isDisregard() ? "ask-desconsideracao" : "ask-inclusao").checked = true
  element("ask-times").hidden = isDisregard()
  Object.assign(element("ask-day"), { min: formatDay(MAX_AGE_DAYS), max: formatDay(0) })
  element("ask-count").textContent = `${element("ask-reason").value.length}/${MAX_REASON_LENGTH}`
  showState(...state)
}

function drawList() {
  const employee = parseEmployee(element("employee").value)
  const own = requests.filter(({ usuarioId }) => usuarioId === employee)
  element("requests").hidden = page.isKiosk || (page.hasUserPool && !page.isSignedIn) || own.length === 0
  const list = element("requests-list")
  list.className = showsAll ? "all" : ""
  list.replaceChildren(...(showsAll ? own : own.slice(0, SHORT_LENGTH)).map(requestItem))
  const isCut = own.length > SHORT_LENGTH || Array.from(list.querySelectorAll("p")).some(text => text.scrollHeight > text.clientHeight)
  element("requests-all").hidden = !(showsAll || isCut)
  element("requests-all").textContent = showsAll ? page.texts.requestsFewer : page.texts.requestsAll
}

function requestItem({ ponto, tipo, situacao, motivo, recusa }) {
  const { requestKinds, requestStates, requestAnswer } = page.texts
  const item = createElement("li", "")
  item.append(
    createElement("strong", ponto ? formatTime(ponto) : ""),
    createElement("span", requestKinds[tipo] ?? tipo),
    createElement("span", requestStates[situacao] ?? situacao, { className: `chip ${situacao}` }),
    createElement("p", recusa ? requestAnswer(truncateReason(recusa)) : truncateReason(motivo)),
  )
  return item
}

/**
 * Shows a text below the form; a screen reader reads it only if it changes.
 * @param {"good" | "bad" | ""} kind
 * @param {() => string} text returns it in the page's language
 * @param {string} message English message that follows it
 */
function showState(kind, text, message = "") {
  state = [kind, text, message]
  element("ask-state").className = kind
  if (element("ask-state").textContent !== text() + message)
    element("ask-state").replaceChildren(text(), createElement("span", message, { lang: "en" }))
}

function clearState() {
  showState("", () => "")
  markInvalid([])
}

function markInvalid(invalid) {
  for (const field of fields()) field.ariaInvalid = invalid.includes(field) ? "true" : null
}

/** Shows why the request is not stored, by the code of the response or, without one, by its message. */
function showProblem(code, message) {
  const isKnown = Object.hasOwn(page.texts.askProblems, code)
  showState("bad", () => page.texts.askRefused(isKnown ? page.texts.askProblems[code] : ""), isKnown ? "" : message)
  markInvalid([element(FIELDS[code])])
}

/** Returns the content of the request, or null if something is missing. */
function readContent() {
  const [day, time, text] = fields().map(field => field.value)
  const motivo = text.replace(/\s+/g, " ").trim() // the API accepts one line
  const usuarioId = askedEmployee()
  if (usuarioId === null || motivo.length < 3 || !(isDisregard() || (day && time))) return null
  return isDisregard()
    ? { usuarioId, tipo: "desconsideracao", batidaId: draft.punch.id, motivo }
    : { usuarioId, tipo: "inclusao", ponto: `${day}T${time}`, motivo }
}

async function send() {
  const content = readContent()
  if (content === null) {
    showState("bad", () => (isDisregard() ? page.texts.askReasonMissing : page.texts.askIncomplete))
    const [day, time, reason] = fields()
    const invalid = [day, time].filter(field => !field.value && field.checkVisibility())
    if (reason.value.trim().length < 3) invalid.push(reason)
    markInvalid(invalid)
    return (askedEmployee() === null ? element("employee") : invalid[0]).focus()
  }
  const { rangeOverflow, rangeUnderflow } = element("ask-day").validity
  if (content.ponto && (rangeOverflow || rangeUnderflow)) return showProblem(rangeOverflow ? "futuro" : "antigo")
  const instant = Date.parse(content.ponto ?? draft.punch?.ponto)
  if (readKept().some(request => isSame(request, content, instant) && !canAskAgain(request)))
    return showState("bad", () => page.texts.askTwice)
  if (!navigator.onLine) return showState("bad", () => page.texts.askOffline)
  const json = JSON.stringify(content)
  if (draft.content !== json) saveDraft({ content: json, id: uuid7(Date.now(), crypto.getRandomValues(new Uint8Array(16))) })
  const employee = draft.employee
  setSending(true)
  showState("", () => page.texts.askSending)
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

const isSame = (request, { usuarioId, tipo, batidaId }, instant) =>
  request.usuarioId === usuarioId && request.tipo === tipo && (batidaId ? request.batidaId === batidaId : Date.parse(request.ponto) === instant)

/** While a request is sent, its fields cannot be changed: the response is about what they show. */
function setSending(value) {
  isSending = value
  for (const field of fields()) field.readOnly = value
  element("ask-about").disabled = value
}

function showResponse({ status, body }, content) {
  if (status === 200 || status === 201) {
    const criadaEm = new Date().toISOString()
    const request = { id: draft.id, criadaEm, situacao: "aguardando", ponto: draft.punch?.ponto, ...content, ...body }
    keep([request])
    clearDraft(draft.employee)
    drawForm()
    showState("good", () => page.texts.askSent(page.texts.requestKinds[request.tipo], formatTime(request.ponto), request.usuarioId))
  } else if (status === 0 || status === 429 || status >= 500) showState("bad", () => page.texts.askFailed)
  else {
    if (status === 409) saveDraft({ content: undefined })
    showProblem(body?.motivo ?? { 401: "login", 403: "chave" }[status], truncateReason(body?.message) || String(status))
  }
}
