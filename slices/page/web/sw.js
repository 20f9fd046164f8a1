/** Keeps the page for when there is no network, one version as a whole, and sends in the background where browsers do. */

import { sendWaiting, endWaits, setTokenRenewal } from "./outbox.js"
import { renewToken } from "./sign-in.js"

// File -> its SHA-256, in base64, the page's with its policy before it: whoever serves this file writes them here, so that
// a change of any is a new version.
const SHELL = {}
const CACHE_NAME = `shell ${SHELL["sw.js"]}`

setTokenRenewal(renewToken)

self.addEventListener("install", event => event.waitUntil(cacheAll()))
self.addEventListener("activate", event => event.waitUntil(Promise.all([deleteOldCaches(), self.clients.claim()])))
self.addEventListener("message", event => {
  if (event.data === "take over") self.skipWaiting()
})
self.addEventListener("sync", event => {
  if (event.tag === "outbox") event.waitUntil(sendInBackground())
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
  const cached = await caches.match(address, { cacheName: CACHE_NAME })
  if (cached) return new Response(cached.body, cached)
  const response = await fetch(event.request)
  event.waitUntil(cacheAgain(file, address, response.clone()).catch(console.error))
  return response
}

async function cacheAgain(file, address, response) {
  if (await isOfThisVersion(file, response)) await putAll([[address, response]])
}

/** Fetch all files, and keep all or none: one of another version breaks it off, and the browser tries again later. */
async function cacheAll() {
  const files = await Promise.all(
    Object.keys(SHELL)
      .filter(file => file !== "sw.js")
      .map(async file => {
        const url = new URL(file || "./", self.location.href)
        const answer = await fetch(url, { cache: "reload" }) // after a 304 browsers would keep the old policy
        if (!(await isOfThisVersion(file, answer))) throw new Error(`another version of ${url}`)
        return [url, answer]
      }),
  )
  await putAll(files)
}

/** Whether an answer is the file of this version. */
async function isOfThisVersion(file, answer) {
  const policy = file === "" ? answer.headers.get("content-security-policy") : ""
  const whole = new Blob([policy ?? "", await answer.clone().arrayBuffer()])
  const digest = await crypto.subtle.digest("SHA-256", await whole.arrayBuffer())
  return btoa(String.fromCharCode(...new Uint8Array(digest))) === SHELL[file]
}

async function putAll(files) {
  const cache = await caches.open(CACHE_NAME)
  for (const [address, answer] of files) await cache.put(address, answer)
}

async function deleteOldCaches() {
  for (const name of await caches.keys()) if (name.startsWith("shell ") && name !== CACHE_NAME) await caches.delete(name)
}

/** The browser tries again by itself when this fails. */
async function sendInBackground() {
  await endWaits(false) // each punch asks for this event, which comes at once where there is a network
  if ((await sendWaiting()) !== null) throw new Error("some punches still wait")
}
