/** Shows the running stack's own numbers, second by second. */

const SECONDS = 120 // shown
const AT_ONCE = 12 // requests
const TEXTS = {
  "pt-BR": {
    title: "Como o ponto flui",
    accepted: "aceitas",
    waiting: "na fila",
    stored: "gravadas",
    duplicates: "repetidas",
    deadLetters: "mensagens mortas",
    seconds: "os últimos dois minutos",
    perSecondIn: "aceitas por segundo",
    perSecondOut: "gravadas por segundo",
    last: "as últimas mensagens mortas",
    none: "nenhuma",
    send: "Enviar 1.000 batidas",
    stop: "Parar o banco por 10 s",
    stopped: "O banco está parado: as batidas esperam na fila.",
    drains: "A fila esvazia.",
    calm: "Tudo gravado.",
    lost: "O ambiente local não responde.",
    key: "Abra o link que make run mostrou: ele termina em #key=",
    rate: number => `${number} por segundo`,
    age: seconds => `a mais velha há ${seconds} s`,
    scale: most => `topo: ${most}`,
  },
  en: {
    title: "As it flows",
    accepted: "accepted",
    waiting: "waiting",
    stored: "stored",
    duplicates: "duplicates",
    deadLetters: "dead letters",
    seconds: "the last two minutes",
    perSecondIn: "accepted a second",
    perSecondOut: "stored a second",
    last: "the last dead letters",
    none: "none",
    send: "Send 1,000 punches",
    stop: "Stop the database for 10 s",
    stopped: "The database is stopped: punches wait in the queue.",
    drains: "The queue drains.",
    calm: "All is stored.",
    lost: "The local stack does not answer.",
    key: "Open the link that make run printed: it ends in #key=",
    rate: number => `${number} a second`,
    age: seconds => `the oldest for ${seconds} s`,
    scale: most => `top: ${most}`,
  },
}

const language = /^pt/i.test(navigator.language) ? "pt-BR" : "en"
const texts = TEXTS[language]
const element = id => document.getElementById(id)
const format = number => number.toLocaleString(language)
const key = new URLSearchParams(location.hash.slice(1)).get("key") ?? sessionStorage.getItem("key") ?? ""
const looks = [] // at the numbers, a second each
let api = null

document.documentElement.lang = language
document.title = texts.title
for (const each of document.querySelectorAll("[data-word]")) each.textContent = texts[each.dataset.word]

/** Ask the guard; the header is what another page could not send. */
async function ask(name, method = "GET") {
  const answer = await fetch(name, { method, headers: { "x-run": key }, cache: "no-store" })
  if (answer.status === 403) throw new Error(texts.key)
  const body = await answer.json()
  if (!answer.ok) throw new Error(body.message)
  return body
}

function say(text, kind) {
  if (element("state").textContent !== text) element("state").textContent = text
  element("state").className = kind
}

async function look() {
  try {
    show(await ask("numbers"))
  } catch (error) {
    say(error instanceof TypeError ? texts.lost : error.message, "bad")
  }
  setTimeout(look, 1000)
}

function show(numbers) {
  api = numbers.api
  looks.push({ ...numbers, at: performance.now() })
  if (looks.length > SECONDS + 1) looks.shift()
  for (const name of ["accepted", "waiting", "stored", "duplicates", "deadLetters"]) {
    const text = format(numbers[name])
    const output = element(name).querySelector("output")
    if (output.textContent !== text) output.textContent = text
    element(name).classList.toggle("some", numbers[name] > 0)
  }
  const rates = changes()
  const now = rates.at(-1) ?? { accepted: 0, stored: 0 }
  element("accepted").querySelector(".rate").textContent = texts.rate(format(Math.round(now.accepted)))
  element("stored").querySelector(".rate").textContent = texts.rate(format(Math.round(now.stored)))
  element("waiting").querySelector(".rate").textContent = numbers.waiting ? texts.age(format(Math.round(numbers.ageSeconds))) : ""
  const [into, out] = document.querySelectorAll(".pipe")
  into.classList.toggle("flows", now.accepted > 0)
  out.classList.toggle("flows", now.stored > 0)
  draw(rates)
  list(numbers.lastDeadLetters)
  element("stop").disabled = numbers.databaseStopped
  if (numbers.error) say(numbers.error, "bad")
  else if (numbers.databaseStopped) say(texts.stopped, "bad")
  else if (numbers.waiting) say(texts.drains, "")
  else say(texts.calm, "good")
}

/** What happened in a second, between each look and the next. */
function changes() {
  return looks.slice(1).map((later, place) => {
    const earlier = looks[place]
    const seconds = (later.at - earlier.at) / 1000
    return {
      accepted: (later.accepted - earlier.accepted) / seconds,
      stored: (later.stored - earlier.stored) / seconds,
      waiting: later.waiting,
    }
  })
}

function draw(rates) {
  const most = Math.max(10, ...rates.flatMap(rate => [rate.accepted, rate.stored, rate.waiting]))
  const points = name => rates.map((rate, place) => `${SECONDS - rates.length + place + 1},${30 - (29 * rate[name]) / most}`)
  element("in").setAttribute("points", points("accepted").join(" "))
  element("out").setAttribute("points", points("stored").join(" "))
  element("area").setAttribute("points", [`${SECONDS - rates.length + 1},30`, ...points("waiting"), `${SECONDS},30`].join(" "))
  element("scale").textContent = texts.scale(format(Math.round(most)))
}

function list(letters) {
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
  element("letters").replaceChildren(...(items.length ? items : [texts.none]))
}

/** Send punches as a device does: each under its id until it is accepted. */
async function send() {
  let left = Number(element("send").dataset.punches)
  const path = new URL(api.url).pathname
  async function device() {
    while (left-- > 0) {
      const body = JSON.stringify({
        id: crypto.randomUUID(),
        usuarioId: 1 + Math.floor(Math.random() * 500),
        ponto: new Date().toISOString(),
        dispositivo: "demonstration",
      })
      for (let wait = 1000; ; wait = Math.min(2 * wait, 30_000)) {
        const status = await post(path, body)
        if (status === 202) break
        if ([400, 401, 403, 413, 415].includes(status)) throw new Error(`${status}`)
        await new Promise(resolve => setTimeout(resolve, wait * (1 + Math.random())))
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, device))
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

sessionStorage.setItem("key", key) // for a reload; the address is rid of it
history.replaceState(null, "", location.pathname)
element("send").addEventListener("click", async () => {
  element("send").disabled = true
  await send().catch(error => say(error.message, "bad"))
  element("send").disabled = false
})
element("stop").addEventListener("click", () => {
  element("stop").disabled = true
  ask(`stop-database/${element("stop").dataset.seconds}`, "POST").catch(error => say(error.message, "bad"))
})
look()
