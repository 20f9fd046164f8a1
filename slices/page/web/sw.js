/** Keeps the page for when there is no network, one version as a whole, and sends in the background where browsers do. */

import { flush, hurry, renewBy } from "./outbox.js"
import { renew } from "./sign-in.js"

// File -> its SHA-256, in base64, the page's with its policy before it: whoever serves this file writes them here, so that
// a change of any is a new version.
const SHELL = {}
const NAME = `shell ${SHELL["sw.js"]}`

renewBy(renew)

self.addEventListener("install", event => event.waitUntil(store()))
self.addEventListener("activate", event => event.waitUntil(Promise.all([clear(), self.clients.claim()])))
self.addEventListener("message", event => {
  if (event.data === "take over") self.skipWaiting()
})
self.addEventListener("sync", event => {
  if (event.tag === "outbox") event.waitUntil(send())
})
self.addEventListener("fetch", event => {
  const { request } = event
  const url = new URL(request.url)
  const file = url.href.replace(/[?#].*$/, "").slice(new URL("./", self.location.href).href.length)
  // The worker itself is the browser's matter; a punch or a receipt is never answered from here.
  if (request.method !== "GET" || !(file in SHELL) || file === "sw.js") return
  event.respondWith(answer(file, url.origin + url.pathname, event))
})

/**
 * Give a file as it is kept. A copy of the answer, not itself: Chromium would add the compiled script to what is kept, and on a
 * full disk lose both. One that the browser has dropped comes from the network, and is kept again, without the page waiting: on
 * a full disk that may never end.
 */
async function answer(file, address, event) {
  const found = await caches.match(address, { cacheName: NAME })
  if (found) return new Response(found.body, found)
  const given = await fetch(event.request)
  event.waitUntil(keepAgain(file, address, given.clone()).catch(console.error))
  return given
}

async function keepAgain(file, address, given) {
  if (await isOurs(file, given)) await keep([[address, given]])
}

/** Fetch all files, and keep all or none: one of another version breaks it off, and the browser tries again later. */
async function store() {
  const files = await Promise.all(
    Object.keys(SHELL)
      .filter(file => file !== "sw.js")
      .map(async file => {
        const url = new URL(file || "./", self.location.href)
        const answer = await fetch(url, { cache: "reload" }) // after a 304 browsers would keep the old policy
        if (!(await isOurs(file, answer))) throw new Error(`another version of ${url}`)
        return [url, answer]
      }),
  )
  await keep(files)
}

/** Whether an answer is the file of this version. */
async function isOurs(file, answer) {
  const policy = file === "" ? answer.headers.get("content-security-policy") : ""
  const whole = new Blob([policy ?? "", await answer.clone().arrayBuffer()])
  const digest = await crypto.subtle.digest("SHA-256", await whole.arrayBuffer())
  return btoa(String.fromCharCode(...new Uint8Array(digest))) === SHELL[file]
}

async function keep(files) {
  const cache = await caches.open(NAME)
  for (const [address, answer] of files) await cache.put(address, answer)
}

async function clear() {
  for (const name of await caches.keys()) if (name.startsWith("shell ") && name !== NAME) await caches.delete(name)
}

/** The browser tries again by itself when this fails. */
async function send() {
  await hurry(false) // each punch asks for this event, which comes at once where there is a network
  if ((await flush()) !== null) throw new Error("some punches still wait")
}
