/** What the modules of the page share: its elements, its state, and how it writes a time. */

import { TEXTS } from "./i18n.js"

export const element = id => document.getElementById(id)
export const createElement = (tag, text, properties) => Object.assign(document.createElement(tag), { textContent: text, ...properties })
export const page = {
  texts: TEXTS["pt-BR"],
  isKiosk: false,
  writesInProgress: 0, // punches that are being kept
  touchedAt: performance.now(),
  date: "", // that the clock shows, and its language
  editedSettings: new Set(), // settings that are not saved yet
  hasUserPool: false, // employees sign in
  isSignedIn: false, // one has
  outcomeAt: 0, // when the page last said something below the button
  shownPunchId: null, // the id of the punch that it said it of
  askedEmployee: null, // the employee who is asked whether to punch again
  isUnlocked: false, // the settings, by the PIN
  isStuck: false, // a store does not answer, which after a full disk only another start of the page changes
}

export const locale = () => document.documentElement.lang
export const clockTime = date => date.toTimeString().slice(0, 8) // for both languages; a locale's takes a phone milliseconds
