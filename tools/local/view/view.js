/** Live view of the running stack's numbers. */

const SECONDS = 120 // in the chart
const CONCURRENT_REQUESTS = 12
const REQUEST_TIMEOUT_MS = 10_000
const TEXTS = {
  "pt-BR": { // adjectives agree with `mensagens`, as the noun of another event may be masculine
    none: "nenhuma",
    stopped: "O banco está parado: há batidas à espera na fila.",
    drains: "A fila esvazia.",
    calm: "Tudo gravado.",
    dead: number => `Mensagens na DLQ, não gravadas: ${number}.`,
    unreachable: "O ambiente local não responde.",
    key: "Cada execução tem uma chave nova. Abra o último link que o make run mostrou; ele termina em #key=",
    verdict: { // singular and plural
      accepted: ["mensagem aceita", "mensagens aceitas"],
      rows: ["linha", "linhas"],
      duplicates: ["repetida", "repetidas"],
      deadLetters: ["na DLQ", "na DLQ"],
      lost: ["perdida", "perdidas"],
    },
    failed: number => `tentativas falhas: ${number}`,
    repeated: number => `${number} tentativas falharam e foram repetidas`,
    rate: number => `${number} por segundo`,
    age: seconds => `a mais antiga há ${seconds} s`,
    scale: max => `topo: ${max}`,
  },
  en: {
    none: "none",
    stopped: "The database is stopped: punches wait in the queue.",
    drains: "The queue drains.",
    calm: "All is stored.",
    dead: number => `Dead letters, not stored: ${number}.`,
    unreachable: "The local stack does not answer.",
    key: "Each run has a new key. Open the link that make run printed last; it ends in #key=",
    verdict: { // singular and plural
      accepted: ["accepted", "accepted"],
      rows: ["row", "rows"],
      duplicates: ["duplicate", "duplicates"],
      deadLetters: ["dead letter", "dead letters"],
      lost: ["lost", "lost"],
    },
    failed: number => `failed tries: ${number}`,
    repeated: number => `${number} tries failed and were repeated`,
    rate: number => `${number} a second`,
    age: seconds => `the oldest for ${seconds} s`,
    scale: max => `top: ${max}`,
  },
}

const language = /^pt/i.test(navigator.language) ? "pt-BR" : "en"
const texts = TEXTS[language]
const element = id => document.getElementById(id)
const format = number => number.toLocaleString(language)
let key = ""
let api = null
let example = null
let sending = false
let latest = null // latest numbers
let judgedCounts = "" // counts for which the verdict is shown
let lastLost = null

document.documentElement.lang = language
if (language === "pt-BR") for (const each of document.querySelectorAll("[data-pt]")) each.textContent = each.dataset.pt

/** Move the key from the address to the session storage, for reloads. A link opened in the same tab only changes the fragment. */
function storeKey() {
  key = new URLSearchParams(location.hash.slice(1)).get("key") ?? sessionStorage.getItem("key") ?? ""
  sessionStorage.setItem("key", key)
  history.replaceState(null, "", location.pathname)
}

/** Send a request to the guard, with a header that pages of other origins cannot send. */
async function request(name, method = "GET") {
  const headers = { "x-run": key }
  const answer = await fetch(name, { method, headers, cache: "no-store", signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) })
  if (answer.status === 403) throw new Error(texts.key)
  const body = await answer.json()
  if (!answer.ok) throw new Error(body.message)
  return body
}

function setStatus(text, kind) {
  if (element("state").textContent !== text) element("state").textContent = text
  element("state").className = kind
}

async function refresh() {
  try {
    latest = await request("numbers")
    showNumbers(latest)
    updateVerdict(latest).catch(() => {}) // the next refresh shows the error
  } catch (error) {
    clearNumbers()
    setStatus(error instanceof TypeError || error instanceof DOMException ? texts.unreachable : error.message, "bad")
  }
  setTimeout(refresh, 1000)
}

/** Clear all numbers, which would otherwise look current. */
function clearNumbers() {
  for (const output of document.querySelectorAll("output")) output.textContent = "–"
  for (const field of document.querySelectorAll(".rate, #letters, #scale, #verdict")) field.textContent = ""
  judgedCounts = ""
  latest = null
  for (const part of document.querySelectorAll("#flow > li")) part.classList.remove("some", "flows")
  for (const line of element("chart").querySelectorAll("[points]")) line.setAttribute("points", "")
  drawStops([])
  element("send").disabled = element("stop").disabled = true
}

function showNumbers(numbers) {
  api = numbers.api
  example = numbers.example
  const counts = { ...numbers, duplicates: numbers.duplicates + numbers.redelivered }
  for (const name of ["accepted", "waiting", "stored", "duplicates", "deadLetters"]) {
    const text = format(counts[name])
    const output = element(name).querySelector("output")
    if (output.textContent !== text) output.textContent = text
    element(name).classList.toggle("some", counts[name] > 0)
  }
  const rates = computeRates(numbers.samples)
  const last = rates.at(-1) ?? { accepted: 0, stored: 0 }
  element("accepted").querySelector(".rate").textContent = texts.rate(format(Math.round(last.accepted)))
  element("stored").querySelector(".rate").textContent = texts.rate(format(Math.round(last.stored)))
  element("waiting").querySelector(".age").textContent = numbers.waiting ? texts.age(format(Math.round(numbers.ageSeconds))) : ""
  const failed = element("waiting").querySelector(".failed")
  const isOver = numbers.failed > 0 && numbers.waiting === 0 && numbers.deadLetters === 0
  failed.textContent = (isOver ? texts.repeated : texts.failed)(format(numbers.failed))
  failed.classList.toggle("some", numbers.failed > 0)
  failed.classList.toggle("over", isOver)
  const [into, out] = document.querySelectorAll(".pipe")
  into.classList.toggle("flows", last.accepted > 0)
  out.classList.toggle("flows", last.stored > 0)
  drawChart(rates)
  drawStops(numbers.samples)
  listDeadLetters(numbers.lastDeadLetters)
  element("send").disabled = sending
  element("stop").disabled = numbers.databaseStopped
  if (numbers.error) setStatus(numbers.error, "bad")
  else if (numbers.databaseStopped) setStatus(texts.stopped, "bad")
  else if (numbers.waiting) setStatus(texts.drains, "")
  else if (numbers.deadLetters) setStatus(texts.dead(format(numbers.deadLetters)), "bad")
  else setStatus(texts.calm, "good")
}

/**
 * Show the verdict on all accepted punches, once none waits. It is requested only when numbers have changed, as the
 * database counts rows. A loss is shown only if it is found twice, as a batch's log line may come after its rows.
 */
async function updateVerdict(numbers) {
  const { accepted, stored, duplicates, redelivered, failed, deadLetters, waiting, databaseStopped } = numbers
  const isSettled = waiting === 0 && !databaseStopped
  const current = [accepted, stored, duplicates, redelivered, failed, deadLetters].join()
  if (isSettled && current === judgedCounts) return
  judgedCounts = ""
  element("verdict").textContent = ""
  if (!isSettled) return
  const verdict = await request("verdict")
  if (latest !== numbers) return
  const isSure = verdict.lost === 0 || (verdict.lost !== null && verdict.lost === lastLost)
  lastLost = verdict.lost
  if (!isSure) return
  judgedCounts = current
  const counts = Object.keys(texts.verdict).filter(name => verdict[name] || !["duplicates", "deadLetters"].includes(name))
  const words = counts.map(name => `${format(verdict[name])} ${texts.verdict[name][verdict[name] === 1 ? 0 : 1]}`)
  element("verdict").textContent = words.join(", ")
  element("verdict").className = verdict.lost ? "bad" : "good"
}

/** Return the rates per second between each sample of the stack and the next. */
function computeRates(samples) {
  return samples.slice(1).map((later, index) => {
    const earlier = samples[index]
    const seconds = earlier.secondsAgo - later.secondsAgo
    return {
      accepted: (later.accepted - earlier.accepted) / seconds,
      stored: (later.stored - earlier.stored) / seconds,
      waiting: later.waiting,
      x: SECONDS - later.secondsAgo,
    }
  })
}

function drawChart(rates) {
  const max = Math.max(10, ...rates.flatMap(rate => [rate.accepted, rate.stored, rate.waiting]))
  const points = name => rates.map(rate => `${rate.x},${30 - (29 * rate[name]) / max}`)
  element("in").setAttribute("points", points("accepted").join(" "))
  element("out").setAttribute("points", points("stored").join(" "))
  element("area").setAttribute("points", [`${rates[0]?.x ?? SECONDS},30`, ...points("waiting"), `${SECONDS},30`].join(" "))
  element("scale").textContent = texts.scale(format(Math.round(max)))
}

/** Shade the seconds in which the database was stopped. */
function drawStops(samples) {
  const bands = samples.filter(sample => sample.stopped).map(sample => {
    const band = document.createElementNS("http://www.w3.org/2000/svg", "rect")
    for (const [name, value] of Object.entries({ x: SECONDS - sample.secondsAgo, y: 0, width: 1.1, height: 30 })) band.setAttribute(name, value)
    return band
  })
  element("stops").replaceChildren(...bands)
}

function listDeadLetters(letters) {
  const items = letters.map(letter => {
    const item = document.createElement("li")
    const time = document.createElement("time")
    time.dateTime = letter.received
    time.textContent = new Date(letter.received).toLocaleTimeString(language, { hourCycle: "h23" })
    const reason = document.createElement("strong")
    reason.textContent = letter.reason
    item.append(time, " ", reason, " ", letter.detail)
    return item
  })
  if (items.length === 0) {
    const none = document.createElement("li")
    none.textContent = texts.none
    items.push(none)
  }
  element("letters").replaceChildren(...items)
}

/** Return a UUIDv7: `now` in milliseconds since the epoch, then the random part of a UUIDv4. */
function uuid7(now) {
  const time = now.toString(16).padStart(12, "0")
  return `${time.slice(0, 8)}-${time.slice(8)}-7${crypto.randomUUID().slice(15)}`
}

/** Send punches as a device does: retry each with the same id until it is accepted. */
async function sendPunches() {
  let remaining = Number(element("send").dataset.punches)
  const path = new URL(api.url).pathname
  async function device() {
    while (remaining-- > 0) {
      const body = JSON.stringify({
        ...example.body,
        id: uuid7(Date.now()),
        [example.subject]: example.subjects[Math.floor(Math.random() * example.subjects.length)],
        [example.instant]: new Date().toISOString(),
      })
      for (let wait = 1000; ; wait = Math.min(2 * wait, 30_000)) {
        const status = await post(path, body)
        if (status === 202) break
        if ([400, 401, 403, 413, 415].includes(status)) throw new Error(`${status}`)
        await new Promise(resolve => setTimeout(resolve, wait * (1 + Math.random())))
      }
    }
  }
  await Promise.all(Array.from({ length: CONCURRENT_REQUESTS }, device))
}

async function post(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": api.key },
      body,
    })
    await answer.text()
    return answer.status
  } catch {
    return 0
  }
}

storeKey()
addEventListener("hashchange", storeKey)
element("send").addEventListener("click", async () => {
  element("send").disabled = sending = true
  await sendPunches().catch(error => setStatus(error.message, "bad"))
  sending = false
})
element("stop").addEventListener("click", () => {
  element("stop").disabled = true
  request(`stop-database/${element("stop").dataset.seconds}`, "POST").catch(error => setStatus(error.message, "bad"))
})
clearNumbers()
refresh()
