/** The hint to install the page, as a card after the first recorded punch until it is dismissed or the page is installed. */

import * as database from "./database.js"
import { element, page } from "./state.js"

let installPrompt = null // the browser's, if it offers to install the page

/**
 * Starts to offer the installation.
 * @param {() => void} draw draws the page, which calls `drawHint`
 */
export function watchInstallation(draw) {
  addEventListener("beforeinstallprompt", event => {
    event.preventDefault() // it comes at once, and not after the first recorded punch
    installPrompt = event
    draw()
  })
  const dismiss = () => database.saveSetting("installDismissed", true).then(draw).catch(console.error)
  addEventListener("appinstalled", dismiss)
  element("install-no").addEventListener("click", dismiss)
  element("install-yes").addEventListener("click", () => installPrompt.prompt())
}

/** Shows or hides the hint. Safari on iOS offers nothing, so there it names the steps. */
export function drawHint(isDismissed, hasRecorded) {
  const isInstalled = navigator.standalone === true || matchMedia("(display-mode: standalone)").matches
  const hasSteps = navigator.standalone === false
  element("install").hidden = isDismissed || isInstalled || !hasRecorded || !(installPrompt || hasSteps)
  element("install-yes").hidden = installPrompt === null
  element("install-text").textContent = page.texts.installText(installPrompt === null)
}
