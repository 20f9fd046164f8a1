/** Decides when the page sends: at once, when an attempt is due, and in the background if the browser supports it. */

import * as database from "./database.js"
import { reportError } from "./drawing.js"
import * as outbox from "./outbox.js"

export const MAX_WAIT_MS = 60_000 // maximum time between two checks of the outbox

let sendTimer, receiptTimer

/** Sends the waiting punches, and schedules the next call. */
export async function sendAndSchedule() {
  clearTimeout(sendTimer)
  let wait = MAX_WAIT_MS
  try {
    wait = Math.min((await outbox.sendWaiting()) ?? MAX_WAIT_MS, MAX_WAIT_MS)
    askForReceipts()
    if (database.getFailure()) await reconcile()
  } catch (error) {
    reportError(error)
  }
  clearTimeout(sendTimer) // another call may have set it
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

/** Sends now, except where a server has asked the page to wait. */
export async function sendNow() {
  try {
    await outbox.endWaits(true)
  } catch (error) {
    reportError(error)
  }
  sendAndSchedule()
}

/** Requests a background sync: the browser sends when the network is back, even if the page is closed. */
export async function registerBackgroundSync() {
  try {
    const registration = await navigator.serviceWorker.ready
    await registration.sync?.register("outbox")
  } catch {
    // Background sync is optional: the browser does not support or allow it.
  }
}
