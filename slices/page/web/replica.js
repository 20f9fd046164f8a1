/**
 * The second store: values by their names, one entry of a cache each. It shares no file with IndexedDB. No entry is ever
 * written over, for on a full disk the old value would be gone and the new one not there: callers take another name.
 */

import { answered } from "./rules.js"

const CACHE = "replica"
const FOLDER = `${self.location.origin}/replica/` // nothing is served there
const TOGETHER = 100 // entries that are written or read at the same time

/** @returns {Promise<string[]>} the names of all values */
export async function names() {
  return (await inCache(cache => cache.keys())).map(({ url }) => url.slice(FOLDER.length))
}

/** @returns {Promise<boolean>} whether there is a value, or a part of one */
export async function has(name) {
  return (await textOf(name)) !== null
}

/** @returns {Promise<any>} the value; null where there is none, or only a part of one */
export async function read(name) {
  try {
    return JSON.parse(await textOf(name))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** Write a value, and read it back. */
export async function write(name, value) {
  const text = JSON.stringify(value)
  await inCache(cache => cache.put(FOLDER + name, new Response(text)))
  if ((await textOf(name)) !== text) throw new Error("the second copy could not be read back")
}

/** Delete a value, if there is one. */
export async function remove(name) {
  await inCache(cache => cache.delete(FOLDER + name))
}

/**
 * Do the same with many names or values.
 * @param {any[]} items
 * @param {(item: any) => Promise<any>} work
 * @returns {Promise<any[]>} the results; when one fails, those that were begun have ended
 */
export async function each(items, work) {
  const results = []
  for (let first = 0; first < items.length; first += TOGETHER) {
    const done = await Promise.allSettled(items.slice(first, first + TOGETHER).map(work))
    const failed = done.find(({ status }) => status === "rejected")
    if (failed) throw failed.reason
    results.push(...done.map(({ value }) => value))
  }
  return results
}

/** Opened anew each time: a cache that was deleted meanwhile would take what is put into it, and lose it. */
const inCache = work => answered(caches.open(CACHE).then(work), "the cache")

const textOf = name => answered(find(name), "the cache")

async function find(name) {
  const found = await caches.match(FOLDER + name, { cacheName: CACHE })
  return found ? found.text() : null
}
