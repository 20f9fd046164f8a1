// Clients of AWS. Look-ups happen only during a deploy or its preview, or if a network is configured by name.
const { getAwsSdkV3CredentialsProvider } = require('osls/lib/aws/credentials.js');

/** Return whether osls deploys. */
const isDeploying = () => process.argv[2] === 'deploy';

/** Return whether `ponto deploy --preview` compiles the stage, to compare it with the deployed one. */
const isPreviewing = () => process.env.PONTO_PREVIEW === 'true';

/** Return whether to look up what exists in the account. Commands other than a deploy and its preview need no account. */
const hasAccount = () => isDeploying() || isPreviewing();

/** Return an SDK client for the stack's region, with the credentials that osls uses. */
async function createClient({ options, resolveVariable }, Client) {
  const stage = await resolveVariable('sls:stage');
  return new Client({
    region: await resolveVariable('self:provider.region'),
    credentials: getAwsSdkV3CredentialsProvider({ provider: { options, getStage: () => stage } }),
  });
}

module.exports = { isDeploying, isPreviewing, hasAccount, createClient };
