/** Sign-in by the stage's user pool, if it has one: OAuth's authorization code grant with PKCE (RFC 7636). */

import * as database from "./database.js"
import { RESPONSE_TIMEOUT_MS, readJson, tokenEmployee } from "./rules.js"

const PAGE_URL = new URL("./", import.meta.url).href // redirect URI
const WRONG_EMPLOYEE = "custom:usuarioId" // returned instead of a status
const REVOKE_TIMEOUT_MS = 5000 // maximum delay of a sign-out

/**
 * @returns {Promise<{authorize: string, token: string, revoke: string, logout: string, client: string} | null>} URLs of the
 *     user pool's endpoints, and the id of the app client; null without a user pool
 */
export async function fetchUserPool() {
  return (await fetchConfiguration()).signIn ?? null
}

/** @returns {Promise<{signIn?: object, modules: string[]}>} the file that site.py writes; modules: files of other slices */
export async function fetchConfiguration() {
  const response = await fetch(new URL("config.json", PAGE_URL), { signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS) })
  return readJson(response)
}

/** Navigates to the user pool's page. Stores the verifier and the state for `finishSignIn` on this device. */
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
 * Revokes the refresh token, and navigates to the user pool's logout endpoint. Otherwise the pool's cookie would sign the next
 * person in as the last one, without a password.
 * @param {{refresh: string | null} | null} session session that has ended on this device
 * @returns {Promise<boolean>} false: there is no network, and the page stays
 */
export async function signOut(session) {
  const pool = navigator.onLine ? await fetchUserPool().catch(() => null) : null // onLine may be true without a network
  if (!pool) return false
  if (session?.refresh) {
    await fetch(pool.revoke, {
      method: "POST",
      body: new URLSearchParams({ client_id: pool.client, token: session.refresh }),
      mode: "no-cors", // the response is empty, and may lack the CORS headers
      keepalive: true, // also if the page is closed
      signal: AbortSignal.timeout(REVOKE_TIMEOUT_MS),
      credentials: "omit",
    }).catch(console.error) // the device signs out anyway
  }
  const url = new URL(pool.logout)
  url.search = new URLSearchParams({ client_id: pool.client, logout_uri: PAGE_URL })
  location.assign(url)
  return true
}

/**
 * Handles the user pool's redirect to the page.
 * @param {URLSearchParams} response parameters of the page's address: a code, or an error
 * @returns {Promise<void>} fulfilled when the session is stored
 */
export async function finishSignIn(response) {
  const { signingIn } = await database.getSettings("signingIn")
  if (!signingIn || signingIn.state !== response.get("state")) throw new Error("state") // not a sign-in that this device has started
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
 * Renews an expired token. A new token of another employee counts as a refusal.
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
 * Requests tokens, and stores them as the session, unless the session to renew has ended meanwhile by a sign-out.
 * @returns {Promise<number | string>} the HTTP status; 0 without a response; WRONG_EMPLOYEE if the token has no employee, or
 *     another one than the session
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
  if (tokens === null) return 0 // an intermediary has responded
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
