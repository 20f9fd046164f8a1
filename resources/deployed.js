// Which database the stage's stack has already: another one would be empty, so it stops a deploy before anything is changed.
const { clientOf, isDeploying } = require('./aws.js');
const stop = require('./stop.js');

const MOVE = 'docs/operations.md#go-on-with-the-restored-cluster';

/** Return its kind, and how functions sign in; null before a first deploy, and after one that failed. */
async function lookUp(context, StackName) {
  const { CloudFormationClient, DescribeStacksCommand } = require('@aws-sdk/client-cloudformation');
  const formation = await clientOf(context, CloudFormationClient);
  const stacks = await formation.send(new DescribeStacksCommand({ StackName })).catch((error) => {
    if (!error.message.includes('does not exist')) throw error;
  });
  const outputs = Object.fromEntries((stacks?.Stacks[0].Outputs ?? []).map((each) => [each.OutputKey, each.OutputValue]));
  if (!outputs.PunchQueueUrl) return null; // osls first makes the stack with its bucket alone
  if (!outputs.Database) {
    stop(
      `${StackName} was deployed before the first version, and cannot be updated: deploy another stage, and copy the rows ` +
        '(docs/operations.md#copy-the-rows-of-an-older-stage).'
    );
  }
  return { database: outputs.Database, login: outputs.DatabaseLogin };
}

let described; // one look-up for all variables that need it

/** Stop a deploy that would leave the punches behind, or that sets another login than the existing cluster was created for. */
module.exports = async (context, { database, login }) => {
  if (!isDeploying()) return;
  const { resolveVariable } = context;
  const stack = await resolveVariable('file(resources/derived.js):stackName');
  const has = await (described ??= lookUp(context, stack));
  if (!has) return;
  if (has.database !== database) {
    if (await resolveVariable('file(resources/parameters.js):leaveDatabase')) return;
    stop(
      `database: the punches of ${stack} are in the one of '${has.database}', and '${database}' is another. Set database to ` +
        `'${has.database}'. To move, copy the rows first, and deploy once with --param leaveDatabase=true (${MOVE}).`
    );
  }
  if (has.login !== login && database !== 'existing') {
    stop(
      `dbLogin: the cluster of ${stack} was made for '${has.login}', and stays so. Set dbLogin to '${has.login}'. For '${login}' ` +
        'deploy another stage, and copy the rows (docs/operations.md#copy-the-rows-of-an-older-stage).'
    );
  }
};
