/** Service worker: caches one complete version of the page for offline use, and sends punches by background sync. */

import { endWaits, sendWaiting, setTokenRenewal } from "./outbox.js"
import { renewToken } from "./sign-in.js"

// SHA-256 of each file, in base64. The page's hash covers its Content-Security-Policy and its body. The server inserts the
// hashes into this file, so that a change of any file is a new version.
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
  // The browser handles the worker's file itself. Punches and receipts always go to the server.
  if (request.method !== "GET" || !(file in SHELL) || file === "sw.js") return
  event.respondWith(respond(file, url.origin + url.pathname, event))
})

/**
 * Responds with a cached file. The response is a copy: given the cached one itself, Chromium would add the compiled script to
 * the cache entry, and on a full disk lose both. A file that the browser has deleted comes from the network, and is cached
 * again without a delay for the page, because on a full disk the write may never end.
 */
async function respond(file, address, event) {
  const cached = await caches.match(address, { cacheName: CACHE_NAME })
  if (cached) return new Response(cached.body, cached)
  const response = await fetch(event.request)
  event.waitUntil(cacheAgain(file, address, response.clone()).catch(console.error))
  return response
}

async function cacheAgain(file, address, response) {
  if (await isOfThisVersion(file, response)) await putAll([[address, response]])
}

/** Fetches all files, and caches all or none: after a file of another version it fails, and the browser tries again later. */
async function cacheAll() {
  const files = await Promise.all(
    Object.keys(SHELL)
      .filter(file => file !== "sw.js")
      .map(async file => {
        const url = new URL(file || "./", self.location.href)
        const response = await fetch(url, { cache: "reload" }) // after a 304 browsers would keep the old policy
        if (!(await isOfThisVersion(file, response))) throw new Error(`another version of ${url}`)
        return [url, response]
      }),
  )
  await putAll(files)
}

/** Returns whether a response is this version's file. */
async function isOfThisVersion(file, response) {
  const policy = file === "" ? response.headers.get("content-security-policy") : ""
  const content = new Blob([policy ?? "", await response.clone().arrayBuffer()])
  const digest = await crypto.subtle.digest("SHA-256", await content.arrayBuffer())
  return btoa(String.fromCharCode(...new Uint8Array(digest))) === SHELL[file]
}

async function putAll(files) {
  const cache = await caches.open(CACHE_NAME)
  for (const [address, response] of files) await cache.put(address, response)
}

async function deleteOldCaches() {
  for (const name of await caches.keys()) if (name.startsWith("shell ") && name !== CACHE_NAME) await caches.delete(name)
}

/** Handles a background sync. The browser repeats it when the promise is rejected. */
async function sendInBackground() {
  await endWaits(false) // a refused key keeps its wait, because each punch triggers this event
  if ((await sendWaiting()) !== null) throw new Error("some punches are still waiting")
}
