/** When the page sends: now, when a punch is due again, and in the background where the browser can. */

import * as database from "./database.js"
import { reportError } from "./drawing.js"
import * as outbox from "./outbox.js"

export const MAX_WAIT_MS = 60_000 // without a look at the outbox

let sendTimer, receiptTimer

export async function sendAndSchedule() {
  clearTimeout(sendTimer)
  let wait = MAX_WAIT_MS
  try {
    wait = Math.min((await outbox.sendWaiting()) ?? MAX_WAIT_MS, MAX_WAIT_MS)
    askForReceipts()
    if (database.isFailing()) await reconcile()
  } catch (error) {
    reportError(error)
  }
  clearTimeout(sendTimer) // another call may have set it meanwhile
  sendTimer = setTimeout(sendAndSchedule, wait)
}

export const reconcile = () => database.reconcile().then(outbox.notifyChange)

async function askForReceipts() {
  clearTimeout(receiptTimer)
  let wait = MAX_WAIT_MS
  try {
    const next = await outbox.collectReceipts()
    if (next === null) return
    wait = next
  } catch (error) {
    reportError(error)
  }
  clearTimeout(receiptTimer)
  receiptTimer = setTimeout(askForReceipts, wait)
}

export async function sendNow() {
  try {
    await outbox.endWaits(true)
  } catch (error) {
    reportError(error)
  }
  sendAndSchedule()
}

/** Let the browser send when the network is back, the page closed or not, where it can do that. */
export async function registerBackgroundSync() {
  try {
    const registration = await navigator.serviceWorker.ready
    await registration.sync?.register("outbox")
  } catch {
    // It is a bonus: not allowed, or not to be had here.
  }
}
