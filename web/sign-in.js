/** Sign-in by the stage's user pool, where it has one: OAuth's authorization code with PKCE (RFC 7636). */

import * as database from "./database.js"
import { ANSWER_MS, claimsOf } from "./rules.js"

const HERE = new URL("./", import.meta.url).href // whither the user pool sends people back

/** @returns {Promise<{authorize: string, token: string, logout: string, client: string} | null>} where to sign in; null: nowhere */
export async function userPool() {
  const answer = await fetch(new URL("config.json", HERE))
  return (await answer.json()).signIn ?? null
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
 * @returns {Promise<boolean>} false: without network the page stays
 */
export async function leave() {
  const pool = navigator.onLine ? await userPool().catch(() => null) : null // it fails where there is no network after all
  if (!pool) return false
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
  await database.remember("signingIn", null)
  if (!signingIn || signingIn.state !== answer.get("state")) throw new Error("state") // not what this device began
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
 * Get another token for a session whose token is too old.
 * @param {{refresh: string | null}} session
 * @returns {Promise<"renewed" | "refused" | "again">}
 */
export async function renew(session) {
  if (!session.refresh) return "refused"
  const status = await exchange({ grant_type: "refresh_token", refresh_token: session.refresh }, session)
  return status === 200 ? "renewed" : status >= 400 && status < 500 && status !== 429 ? "refused" : "again"
}

/**
 * Ask for tokens, and keep them, unless the session that they renew has ended meanwhile: who signs out stays out.
 * Give the status, 0 when there was no answer.
 */
async function exchange(fields, old = null) {
  const pool = await userPool()
  let answer, tokens
  try {
    answer = await fetch(pool.token, {
      method: "POST",
      body: new URLSearchParams({ client_id: pool.client, ...fields }),
      signal: AbortSignal.timeout(ANSWER_MS),
      credentials: "omit",
    })
    tokens = await answer.json()
  } catch {
    return 0
  }
  if (answer.status !== 200) return answer.status
  const employee = Number(claimsOf(tokens.id_token)["custom:usuarioId"] ?? NaN)
  if (!Number.isSafeInteger(employee)) throw new Error("custom:usuarioId") // an account that punches for nobody
  const session = { token: tokens.id_token, refresh: tokens.refresh_token ?? old?.refresh ?? null, employee }
  await database.update(["session"], now =>
    old && now.session?.token !== old.token ? {} : { session, refusedKey: null },
  )
  return 200
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))
const base64url = bytes =>
  btoa(String.fromCharCode(...bytes)).replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_")
