// Clients of AWS. Look-ups happen only during a deploy, or if a network is configured by name.
const { getAwsSdkV3CredentialsProvider } = require('osls/lib/aws/credentials.js');

/** Return whether osls deploys; its other commands need no look-up and no AWS account. */
const isDeploying = () => process.argv[2] === 'deploy';

/** Return an SDK client for the stack's region, with the credentials that osls uses. */
async function createClient({ options, resolveVariable }, Client) {
  const stage = await resolveVariable('sls:stage');
  return new Client({
    region: await resolveVariable('self:provider.region'),
    credentials: getAwsSdkV3CredentialsProvider({ provider: { options, getStage: () => stage } }),
  });
}

module.exports = { isDeploying, createClient };
