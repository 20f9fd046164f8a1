// Resources and outputs of the page (site.yml), or none if the parameter site is false.
const { getSignIn } = require('./sign_in.js');

async function template({ resolveVariable }) {
  const signIn = await getSignIn(resolveVariable);
  if (!(await resolveVariable('file(resources/parameters.js):site'))) return {};
  const { Resources, Outputs } = await resolveVariable('file(slices/page/site.yml)');
  const signInOutputs = signIn && { PageSignInDomain: { Value: signIn.domain }, PageSignInClientId: { Value: signIn.client } };
  return { Resources, Outputs: { ...Outputs, ...signInOutputs } };
}

module.exports = {
  Resources: async (context) => (await template(context)).Resources,
  Outputs: async (context) => (await template(context)).Outputs,
};
