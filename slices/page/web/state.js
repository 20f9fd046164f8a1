/** State and helpers that the page's modules share. */

import { TEXTS } from "./i18n.js"

export const element = id => document.getElementById(id)
export const createElement = (tag, text, properties) => Object.assign(document.createElement(tag), { textContent: text, ...properties })
export const page = {
  texts: TEXTS["pt-BR"],
  isKiosk: false,
  writesInProgress: 0, // punches that are being stored
  touchedAt: performance.now(), // last touch or key
  date: "", // shown language and date
  editedSettings: new Set(), // names of changed settings that are not saved yet
  hasUserPool: false, // employees can sign in
  isSignedIn: false,
  outcomeAt: 0, // when the outcome below the button was shown, by performance.now()
  shownPunchId: null, // id of the punch whose outcome is shown
  askedEmployee: null, // employee who is asked whether to punch again
  earlierCount: 8, // punches of earlier days in the list, at least
  isUnlocked: false, // the settings were unlocked by the PIN or a key
  unsavedKey: null, // key of a link that could not be saved yet
  isStuck: false, // a store does not respond; after a full disk it responds only if the page is reloaded
  modules: [], // of other slices
}

/** Calls a function of each slice's module that exports it, and returns the results. A failure there concerns no punch. */
export function callModules(name, ...values) {
  return page.modules.flatMap(module => {
    try {
      return module[name]?.(...values) ?? []
    } catch (error) {
      console.error(error)
      return []
    }
  })
}

export const locale = () => document.documentElement.lang
export const clockTime = date => date.toTimeString().slice(0, 8) // toLocaleTimeString would take milliseconds on a phone
