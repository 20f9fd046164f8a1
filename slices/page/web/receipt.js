/** The receipt of a recorded punch, which an employee shares or prints. */

import { createElement, element, page } from "./state.js"

/** Returns a button that shares the receipt of a recorded punch, or prints it where the browser cannot share. */
export function receiptButton(punch) {
  const { id, ponto } = punch.body
  const button = createElement("button", page.texts.receipt, { type: "button", className: "plain small", id: `receipt-${id}` })
  button.ariaLabel = `${page.texts.receipt}: ${ponto.slice(11, 19)}`
  button.addEventListener("click", () => shareReceipt(punch.body))
  return button
}

async function shareReceipt(body) {
  const text = page.texts.receiptText(body)
  try {
    if (navigator.share) return await navigator.share({ title: page.texts.receipt, text })
  } catch (error) {
    if (error.name === "AbortError") return // the employee closed the dialog
  }
  element("receipt").textContent = text
  document.body.classList.add("printing")
  addEventListener("afterprint", () => document.body.classList.remove("printing"), { once: true })
  print()
}
