// The page's sign-in (the domain and app client of its user pool), and the Content-Security-Policy that allows it.
const headers = require('./headers.json'); // site.py uses them for `make run`
const fail = require('../../resources/lib/fail.js');

const HOST_NAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/; // strict, because it becomes part of the policy
const CLIENT_ID = /^[A-Za-z0-9_+]{1,128}$/;

/** Returns the domain of the user pool and the id of its app client, or null where the stage has no sign-in. */
async function getSignIn(resolveVariable) {
  const [domain, client] = await Promise.all(
    ['userPoolDomain', 'userPoolClientId'].map(async (name) => String(await resolveVariable(`param:${name}`)))
  );
  if (!domain && !client) return null;
  const signInRequired = await resolveVariable('file(resources/derived.js):signInRequired, null');
  if (!signInRequired || !domain || !client) {
    fail(
      'userPoolDomain, userPoolClientId and userPoolArn belong together: set all three, or leave the first two empty.'
    );
  }
  if (!HOST_NAME.test(domain)) {
    fail(`userPoolDomain: '${domain}' is not a host name in lower case, like ponto.auth.us-east-1.amazoncognito.com.`);
  }
  if (!CLIENT_ID.test(client)) fail(`userPoolClientId: '${client}' is not the id of an app client: letters, digits, _ and +.`);
  return { domain, client };
}

/** Returns the policy, which allows requests to the page's origin and to the user pool, if there is one. */
async function contentSecurityPolicy({ resolveVariable }) {
  const signIn = await getSignIn(resolveVariable);
  const policy = headers['content-security-policy'];
  return signIn ? policy.replace("connect-src 'self'", `connect-src 'self' https://${signIn.domain}`) : policy;
}

module.exports = { getSignIn, contentSecurityPolicy };
