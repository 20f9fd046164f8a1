// AWS, which is asked only while a stage is deployed, or where a network is named.
const { getAwsSdkV3CredentialsProvider } = require('osls/lib/aws/credentials.js');

/** Whether osls deploys: to package, print and remove needs no look-up, and no account. */
const isDeploying = () => process.argv[2] === 'deploy';

/** A client of the SDK in the stack's region, with the credentials by which osls deploys. */
async function clientOf({ options, resolveVariable }, Client) {
  const stage = await resolveVariable('sls:stage');
  return new Client({
    region: await resolveVariable('self:provider.region'),
    credentials: getAwsSdkV3CredentialsProvider({ provider: { options, getStage: () => stage } }),
  });
}

module.exports = { isDeploying, clientOf };
