/** What the modules of the page share: its elements, its state, and how it writes a time. */

import { TEXTS } from "./i18n.js"

export const element = id => document.getElementById(id)
export const make = (tag, text, properties) => Object.assign(document.createElement(tag), { textContent: text, ...properties })
export const page = {
  texts: TEXTS["pt-BR"],
  kiosk: false,
  writing: 0, // punches that are being kept
  touched: performance.now(),
  date: "", // that the clock shows, and its language
  edited: new Set(), // settings that are not saved yet
  pool: false, // employees sign in
  session: false, // one has
  saidAt: 0, // when the page last said something below the button
  thanked: null, // the id of the punch that it said it of
  asked: null, // the employee who is asked whether to punch again
  unlocked: false, // the settings, by the PIN
  stuck: false, // a store does not answer, which after a full disk only another start of the page changes
}

export const locale = () => document.documentElement.lang
export const clockTime = date => date.toTimeString().slice(0, 8) // for both languages; a locale's takes a phone milliseconds
