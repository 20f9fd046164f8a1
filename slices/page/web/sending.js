/** When the page sends: now, when a punch is due again, and in the background where the browser can. */

import * as database from "./database.js"
import { broke } from "./drawing.js"
import * as outbox from "./outbox.js"

export const MAX_WAIT_MS = 60_000 // without a look at the outbox

let sending, asking

export async function wake() {
  clearTimeout(sending)
  let wait = MAX_WAIT_MS
  try {
    wait = Math.min((await outbox.flush()) ?? MAX_WAIT_MS, MAX_WAIT_MS)
    askForReceipts()
    if (database.isFailing()) await reconcile()
  } catch (error) {
    broke(error)
  }
  clearTimeout(sending) // another call may have set it meanwhile
  sending = setTimeout(wake, wait)
}

export const reconcile = () => database.reconcile().then(outbox.changed)

async function askForReceipts() {
  clearTimeout(asking)
  let wait = MAX_WAIT_MS
  try {
    const next = await outbox.collect()
    if (next === null) return
    wait = next
  } catch (error) {
    broke(error)
  }
  clearTimeout(asking)
  asking = setTimeout(askForReceipts, wait)
}

export async function hurry() {
  try {
    await outbox.hurry(true)
  } catch (error) {
    broke(error)
  }
  wake()
}

/** Let the browser send when the network is back, the page closed or not, where it can do that. */
export async function sync() {
  try {
    const registration = await navigator.serviceWorker.ready
    await registration.sync?.register("outbox")
  } catch {
    // It is a bonus: not allowed, or not to be had here.
  }
}
