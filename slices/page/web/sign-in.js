/** Sign-in by the stage's user pool, where it has one: OAuth's authorization code with PKCE (RFC 7636). */

import * as database from "./database.js"
import { ANSWER_MS, employeeIn, jsonOf } from "./rules.js"

const HERE = new URL("./", import.meta.url).href // whither the user pool sends people back
const NOBODY = "custom:usuarioId"
const REVOKED_MS = 5000 // whoever signs out waits no longer for it

/**
 * @returns {Promise<{authorize: string, token: string, revoke: string, logout: string, client: string} | null>} where to sign
 *     in; null: nowhere
 */
export async function userPool() {
  const answer = await fetch(new URL("config.json", HERE), { signal: AbortSignal.timeout(ANSWER_MS) })
  return (await jsonOf(answer)).signIn ?? null
}

/** Go to the user pool's page. What `finish` needs stays on this device. */
export async function begin() {
  const pool = await userPool()
  const [verifier, state] = [random(), random()]
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))
  await database.remember("signingIn", { verifier, state })
  const url = new URL(pool.authorize)
  url.search = new URLSearchParams({
    response_type: "code",
    client_id: pool.client,
    redirect_uri: HERE,
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
export async function leave(session) {
  const pool = navigator.onLine ? await userPool().catch(() => null) : null // it fails where there is no network after all
  if (!pool) return false
  if (session?.refresh) {
    await fetch(pool.revoke, {
      method: "POST",
      body: new URLSearchParams({ client_id: pool.client, token: session.refresh }),
      mode: "no-cors", // nobody promises that a page may read the answer, and there is nothing in it
      keepalive: true, // the page may be closed
      signal: AbortSignal.timeout(REVOKED_MS),
      credentials: "omit",
    }).catch(console.error) // signed out here all the same
  }
  const url = new URL(pool.logout)
  url.search = new URLSearchParams({ client_id: pool.client, logout_uri: HERE })
  location.assign(url)
  return true
}

/**
 * Take what the user pool sent back.
 * @param {URLSearchParams} answer of the page's address: a code, or an error
 * @returns {Promise<void>} once the session is kept
 */
export async function finish(answer) {
  const { signingIn } = await database.remembered("signingIn")
  if (!signingIn || signingIn.state !== answer.get("state")) throw new Error("state") // not what this device began
  await database.remember("signingIn", null)
  if (!answer.has("code")) throw new Error(answer.get("error") ?? "code")
  const status = await exchange({
    grant_type: "authorization_code",
    code: answer.get("code"),
    code_verifier: signingIn.verifier,
    redirect_uri: HERE,
  })
  if (status !== 200) throw new Error(String(status))
}

/**
 * Get another token for a session whose token is too old. One that does not name the same employee is a refusal.
 * @param {{refresh: string | null}} session
 * @returns {Promise<"renewed" | "refused" | "again">}
 */
export async function renew(session) {
  if (!session.refresh) return "refused"
  const status = await exchange({ grant_type: "refresh_token", refresh_token: session.refresh }, session)
  if (status === 200) return "renewed"
  return status === NOBODY || (status >= 400 && status < 500 && status !== 429) ? "refused" : "again"
}

/**
 * Ask for tokens, and keep them, unless the session that they renew has ended meanwhile: who signs out stays out.
 * Give the status, 0 when there was no answer; NOBODY when the token names no employee, or another than before.
 */
async function exchange(fields, old = null) {
  let answer, tokens
  try {
    const pool = await userPool()
    answer = await fetch(pool.token, {
      method: "POST",
      body: new URLSearchParams({ client_id: pool.client, ...fields }),
      signal: AbortSignal.timeout(ANSWER_MS),
      credentials: "omit",
    })
    tokens = await jsonOf(answer)
  } catch {
    return 0
  }
  if (tokens === null) return 0 // that was something in between
  if (answer.status !== 200) return answer.status
  const employee = employeeIn(tokens.id_token)
  if (employee === null || (old && employee !== old.employee)) return NOBODY
  const session = { token: tokens.id_token, refresh: tokens.refresh_token ?? old?.refresh ?? null, employee }
  await database.update(["session"], now =>
    old && now.session?.token !== old.token ? {} : { session, refusedKey: null },
  )
  return 200
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))
const base64url = bytes =>
  btoa(String.fromCharCode(...bytes)).replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_")
