// Check before a deploy or its preview, which fails if the deploy would replace the stage's database by an empty one.
const { createClient, hasAccount } = require('./aws.js');
const fail = require('./fail.js');

const MOVE_GUIDE = 'docs/operations.md#switch-to-the-restored-cluster';

/** Return the deployed stack's parameters database and dbLogin; null before a first deploy, and after a failed one. */
async function lookUp(context, StackName) {
  const { CloudFormationClient, DescribeStacksCommand } = require('@aws-sdk/client-cloudformation');
  const formation = await createClient(context, CloudFormationClient);
  const stacks = await formation.send(new DescribeStacksCommand({ StackName })).catch((error) => {
    if (!error.message.includes('does not exist')) throw error;
  });
  const outputs = Object.fromEntries((stacks?.Stacks[0].Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
  // osls first creates the stack with its bucket alone.
  if (Object.keys(outputs).every((name) => name.startsWith('ServerlessDeployment'))) return null;
  if (!outputs.QueueUrl || !outputs.Database) {
    fail(
      `${StackName} was deployed by a version before 1.0, and cannot be updated. Deploy another stage, and copy the rows ` +
        '(docs/operations.md#copy-the-rows-of-an-older-stage).'
    );
  }
  return { database: outputs.Database, login: outputs.DatabaseLogin };
}

let stackPromise; // so that all variables share one look-up

/** Fail if a deploy would leave the punches behind, or change the login of the stack's cluster. */
module.exports = async (context, { database, login }) => {
  if (!hasAccount()) return;
  const { resolveVariable } = context;
  const stack = await resolveVariable('file(resources/derived.js):stackName');
  const deployed = await (stackPromise ??= lookUp(context, stack));
  if (!deployed) return;
  if (deployed.database !== database) {
    if (await resolveVariable('file(resources/parameters.js):leaveDatabase')) return;
    fail(
      `database: '${database}' would give ${stack} a different database, without the punches stored with '${deployed.database}'. Set database ` +
        `to '${deployed.database}'. To move, copy the rows first, and deploy once with --param leaveDatabase=true (${MOVE_GUIDE}).`
    );
  }
  if (deployed.login !== login && database !== 'existing') {
    fail(
      `dbLogin: the cluster of ${stack} was created for '${deployed.login}', which cannot change. Set dbLogin to '${deployed.login}'. For ` +
        `'${login}' deploy another stage, and copy the rows (docs/operations.md#copy-the-rows-of-an-older-stage).`
    );
  }
};
