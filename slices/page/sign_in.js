// Where the page signs employees in, and what a browser lets it ask.
const headers = require('./headers.json'); // which `make run` sends, too: site.py
const fail = require('../../resources/fail.js');

const HOST = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/; // it goes into the policy
const CLIENT = /^[A-Za-z0-9_+]{1,128}$/;

/** Where the page signs employees in: a user pool's domain and an app client; null: nowhere. */
async function signInOf(resolveVariable) {
  const [domain, client] = await Promise.all(
    ['userPoolDomain', 'userPoolClientId'].map(async (name) => String(await resolveVariable(`param:${name}`)))
  );
  if (!domain && !client) return null;
  const signsIn = await resolveVariable('file(resources/derived.js):signIn, null');
  if (!signsIn || !domain || !client) {
    fail('userPoolDomain and userPoolClientId go together, and with userPoolArn.');
  }
  if (!HOST.test(domain)) {
    fail(`userPoolDomain: '${domain}' is not a host in small letters, like ponto.auth.us-east-1.amazoncognito.com.`);
  }
  if (!CLIENT.test(client)) fail(`userPoolClientId: '${client}' is not the id of an app client.`);
  return { domain, client };
}

/** The policy lets the page ask its own origin, and the user pool for tokens where there is one. */
async function contentSecurityPolicy({ resolveVariable }) {
  const signIn = await signInOf(resolveVariable);
  const policy = headers['content-security-policy'];
  return signIn ? policy.replace("connect-src 'self'", `connect-src 'self' https://${signIn.domain}`) : policy;
}

module.exports = { signInOf, contentSecurityPolicy };
