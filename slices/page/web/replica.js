/**
 * The second store, in the Cache API: one entry for each value. It shares no file with IndexedDB. Entries are never
 * overwritten, because on a full disk this could delete the old value without storing the new one. Callers use a new name
 * instead.
 */

import { withTimeout } from "./rules.js"

const CACHE = "replica"
const URL_PREFIX = `${self.location.origin}/replica/` // these URLs are never requested from a server
const BATCH_SIZE = 100

/** @returns {Promise<string[]>} the names of all values */
export async function listNames() {
  return (await withCache(cache => cache.keys())).map(({ url }) => url.slice(URL_PREFIX.length))
}

/** @returns {Promise<boolean>} whether a value exists, complete or not */
export async function hasValue(name) {
  return (await readText(name)) !== null
}

/** @returns {Promise<any>} the value; null if it does not exist or is incomplete */
export async function readValue(name) {
  try {
    return JSON.parse(await readText(name))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** Writes a value, and reads it back. */
export async function writeValue(name, value) {
  const text = JSON.stringify(value)
  await withCache(cache => cache.put(URL_PREFIX + name, new Response(text)))
  if ((await readText(name)) !== text) throw new Error("the second copy could not be read back")
}

/** Deletes a value, if it exists. */
export async function removeValue(name) {
  await withCache(cache => cache.delete(URL_PREFIX + name))
}

/**
 * Calls an async function for each item, in batches. If a call fails, the other calls of its batch have ended when the error
 * is thrown.
 * @param {any[]} items
 * @param {(item: any) => Promise<any>} work
 * @returns {Promise<any[]>} the results
 */
export async function runInBatches(items, work) {
  const results = []
  for (let first = 0; first < items.length; first += BATCH_SIZE) {
    const outcomes = await Promise.allSettled(items.slice(first, first + BATCH_SIZE).map(work))
    const failure = outcomes.find(({ status }) => status === "rejected")
    if (failure) throw failure.reason
    results.push(...outcomes.map(({ value }) => value))
  }
  return results
}

/** Opens the cache at each call: a cache that was deleted after it was opened would accept values and lose them. */
const withCache = work => withTimeout(caches.open(CACHE).then(work), "the cache")

const readText = name => withTimeout(findText(name), "the cache")

async function findText(name) {
  const response = await caches.match(URL_PREFIX + name, { cacheName: CACHE })
  return response ? response.text() : null
}
