/** Sign-in by the stage's user pool, where it has one: OAuth's authorization code with PKCE (RFC 7636). */

import * as database from "./database.js"
import { RESPONSE_TIMEOUT_MS, tokenEmployee, readJson } from "./rules.js"

const PAGE_URL = new URL("./", import.meta.url).href // whither the user pool sends people back
const WRONG_EMPLOYEE = "custom:usuarioId"
const REVOKE_TIMEOUT_MS = 5000 // whoever signs out waits no longer for it

/**
 * @returns {Promise<{authorize: string, token: string, revoke: string, logout: string, client: string} | null>} where to sign
 *     in; null: nowhere
 */
export async function fetchUserPool() {
  const response = await fetch(new URL("config.json", PAGE_URL), { signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS) })
  return (await readJson(response)).signIn ?? null
}

/** Go to the user pool's page. What `finish` needs stays on this device. */
export async function startSignIn() {
  const pool = await fetchUserPool()
  const [verifier, state] = [random(), random()]
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))
  await database.saveSetting("signingIn", { verifier, state })
  const url = new URL(pool.authorize)
  url.search = new URLSearchParams({
    response_type: "code",
    client_id: pool.client,
    redirect_uri: PAGE_URL,
    scope: "openid",
    state,
    code_challenge_method: "S256",
    code_challenge: base64url(new Uint8Array(digest)),
  })
  location.assign(url)
}

/**
 * Go to the user pool to sign out there, too: its cookie would let the next person in as the last one, without a password.
 * The token that gets others is revoked on the way.
 * @param {{refresh: string | null} | null} session that has ended on this device
 * @returns {Promise<boolean>} false: without network the page stays
 */
export async function signOut(session) {
  const pool = navigator.onLine ? await fetchUserPool().catch(() => null) : null // it fails where there is no network after all
  if (!pool) return false
  if (session?.refresh) {
    await fetch(pool.revoke, {
      method: "POST",
      body: new URLSearchParams({ client_id: pool.client, token: session.refresh }),
      mode: "no-cors", // nobody promises that a page may read the answer, and there is nothing in it
      keepalive: true, // the page may be closed
      signal: AbortSignal.timeout(REVOKE_TIMEOUT_MS),
      credentials: "omit",
    }).catch(console.error) // signed out here all the same
  }
  const url = new URL(pool.logout)
  url.search = new URLSearchParams({ client_id: pool.client, logout_uri: PAGE_URL })
  location.assign(url)
  return true
}

/**
 * Take what the user pool sent back.
 * @param {URLSearchParams} answer of the page's address: a code, or an error
 * @returns {Promise<void>} once the session is kept
 */
export async function finishSignIn(response) {
  const { signingIn } = await database.getSettings("signingIn")
  if (!signingIn || signingIn.state !== response.get("state")) throw new Error("state") // not what this device began
  await database.saveSetting("signingIn", null)
  if (!response.has("code")) throw new Error(response.get("error") ?? "code")
  const status = await requestTokens({
    grant_type: "authorization_code",
    code: response.get("code"),
    code_verifier: signingIn.verifier,
    redirect_uri: PAGE_URL,
  })
  if (status !== 200) throw new Error(String(status))
}

/**
 * Get another token for a session whose token is too old. One that does not name the same employee is a refusal.
 * @param {{refresh: string | null}} session
 * @returns {Promise<"renewed" | "refused" | "again">}
 */
export async function renewToken(session) {
  if (!session.refresh) return "refused"
  const status = await requestTokens({ grant_type: "refresh_token", refresh_token: session.refresh }, session)
  if (status === 200) return "renewed"
  return status === WRONG_EMPLOYEE || (status >= 400 && status < 500 && status !== 429) ? "refused" : "again"
}

/**
 * Ask for tokens, and keep them, unless the session that they renew has ended meanwhile: who signs out stays out.
 * Give the status, 0 when there was no answer; NOBODY when the token names no employee, or another than before.
 */
async function requestTokens(parameters, oldSession = null) {
  let response, tokens
  try {
    const pool = await fetchUserPool()
    response = await fetch(pool.token, {
      method: "POST",
      body: new URLSearchParams({ client_id: pool.client, ...parameters }),
      signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS),
      credentials: "omit",
    })
    tokens = await readJson(response)
  } catch {
    return 0
  }
  if (tokens === null) return 0 // that was something in between
  if (response.status !== 200) return response.status
  const employee = tokenEmployee(tokens.id_token)
  if (employee === null || (oldSession && employee !== oldSession.employee)) return WRONG_EMPLOYEE
  const session = { token: tokens.id_token, refresh: tokens.refresh_token ?? oldSession?.refresh ?? null, employee }
  await database.updateSettings(["session"], now =>
    oldSession && now.session?.token !== oldSession.token ? {} : { session, refusedKey: null },
  )
  return 200
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))
const base64url = bytes =>
  btoa(String.fromCharCode(...bytes)).replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_")
