// Resources and outputs of the page (site.yml), or none if the parameter site is false.
const { ENDPOINTS } = require('../../resources/slices.js');
const { getSignIn } = require('./sign_in.js');

// The page reaches the methods of slices for users, and no others.
const userPaths = ENDPOINTS.filter(({ callers }) => callers === 'users').flatMap(({ methods }) => methods.map(({ path }) => path));
/** Paths that site.yml does not name. */
const otherPaths = [...new Set(userPaths)].filter((path) => path !== '/ponto' && !path.startsWith('/ponto/'));

async function template({ resolveVariable }) {
  const signIn = await getSignIn(resolveVariable);
  if (!(await resolveVariable('file(resources/parameters.js):site'))) return {};
  const { Resources, Outputs } = structuredClone(await resolveVariable('file(slices/page/site.yml)'));
  const { CacheBehaviors } = Resources.SiteDistribution.Properties.DistributionConfig;
  CacheBehaviors.push(...otherPaths.map((path) => ({ ...CacheBehaviors[0], PathPattern: path.replace(/\{\w+\}/g, '*') })));
  const signInOutputs = signIn && { PageSignInDomain: { Value: signIn.domain }, PageSignInClientId: { Value: signIn.client } };
  return { Resources, Outputs: { ...Outputs, ...signInOutputs } };
}

module.exports = {
  Resources: async (context) => (await template(context)).Resources,
  Outputs: async (context) => (await template(context)).Outputs,
};
