/**
 * The second store: values by their names, one entry of a cache each. It shares no file with IndexedDB. No entry is ever
 * written over, for on a full disk the old value would be gone and the new one not there: callers take another name.
 */

import { withTimeout } from "./rules.js"

const CACHE = "replica"
const URL_PREFIX = `${self.location.origin}/replica/` // nothing is served there
const BATCH_SIZE = 100 // entries that are written or read at the same time

/** @returns {Promise<string[]>} the names of all values */
export async function listNames() {
  return (await withCache(cache => cache.keys())).map(({ url }) => url.slice(URL_PREFIX.length))
}

/** @returns {Promise<boolean>} whether there is a value, or a part of one */
export async function hasValue(name) {
  return (await readText(name)) !== null
}

/** @returns {Promise<any>} the value; null where there is none, or only a part of one */
export async function readValue(name) {
  try {
    return JSON.parse(await readText(name))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** Write a value, and read it back. */
export async function writeValue(name, value) {
  const text = JSON.stringify(value)
  await withCache(cache => cache.put(URL_PREFIX + name, new Response(text)))
  if ((await readText(name)) !== text) throw new Error("the second copy could not be read back")
}

/** Delete a value, if there is one. */
export async function removeValue(name) {
  await withCache(cache => cache.delete(URL_PREFIX + name))
}

/**
 * Do the same with many names or values.
 * @param {any[]} items
 * @param {(item: any) => Promise<any>} work
 * @returns {Promise<any[]>} the results; when one fails, those that were begun have ended
 */
export async function runInBatches(items, work) {
  const results = []
  for (let first = 0; first < items.length; first += BATCH_SIZE) {
    const done = await Promise.allSettled(items.slice(first, first + BATCH_SIZE).map(work))
    const failed = done.find(({ status }) => status === "rejected")
    if (failed) throw failed.reason
    results.push(...done.map(({ value }) => value))
  }
  return results
}

/** Opened anew each time: a cache that was deleted meanwhile would take what is put into it, and lose it. */
const withCache = work => withTimeout(caches.open(CACHE).then(work), "the cache")

const readText = name => withTimeout(findText(name), "the cache")

async function findText(name) {
  const found = await caches.match(URL_PREFIX + name, { cacheName: CACHE })
  return found ? found.text() : null
}
