// Values derived from parameters, one export for each: `${file(resources/derived.js):visibilityTimeout}` calls it. Times are in seconds.
const FUNCTIONS = require('./functions.js');
const { collect } = require('./slices.js');
const fail = require('./lib/fail.js');
const resolveParameters = require('./lib/resolve-parameters.js');

// Queues.

const OUTAGE_SECONDS = 30 * 3600; // a message survives an outage of the database of this length
const FIRST_RETRY_SECONDS = 5;
const MIN_VISIBILITY_SECONDS = 109; // with less, such an outage would need more than 1,000 receives, SQS's maximum maxReceiveCount

/** Return the batching window. Fails early on a value that AWS would refuse during the deploy. */
async function drainBatchingWindow(context) {
  const { drainBatchSize, drainBatchingWindow: window } = await resolveParameters(context, 'drainBatchSize', 'drainBatchingWindow');
  if (drainBatchSize > 10 && window < 1) fail(`drainBatchingWindow: must be 1 s or more with a drainBatchSize above 10 (it is ${drainBatchSize}).`);
  return window;
}

/**
 * Return how many batches Lambda processes at once. If it exceeded the function's reserved concurrency, Lambda would still receive
 * messages for more batches, and each throttled receive counts towards maxReceiveCount.
 */
async function drainMaximumConcurrency(context) {
  const { drainMaximumConcurrency: maximum, drainConcurrency: reserved } = await resolveParameters(context, 'drainMaximumConcurrency', 'drainConcurrency');
  if (reserved === null || maximum <= reserved) return maximum;
  return fail(
    `drainMaximumConcurrency: ${maximum} is above drainConcurrency (${reserved}), so throttled receives would turn good punches into ` +
      'dead letters. Lower drainMaximumConcurrency, or raise drainConcurrency.'
  );
}

/** Return the queue's visibility timeout. AWS recommends six times the function's timeout, plus the batching window. */
async function visibilityTimeout(context) {
  const { drainTimeout: timeout } = await resolveParameters(context, 'drainTimeout');
  return Math.max(6 * timeout + (await drainBatchingWindow(context)), MIN_VISIBILITY_SECONDS);
}

/** Return how long a message is hidden after its first, second, ... failure: twice as long each time, below the visibility timeout. */
function listRetryDelays(visibilitySeconds) {
  const delays = [];
  for (let delay = FIRST_RETRY_SECONDS; delay < visibilitySeconds; delay *= 2) delays.push(delay);
  return delays;
}

const retryDelays = async (context) => listRetryDelays(await visibilityTimeout(context)).join(',');

/**
 * Return the number of receives after which SQS dead-letters a message: the receives during an outage of OUTAGE_SECONDS, plus one
 * after the database has recovered.
 */
async function maxReceiveCount(context) {
  const visibility = await visibilityTimeout(context);
  const delays = listRetryDelays(visibility);
  const remaining = OUTAGE_SECONDS - delays.reduce((sum, delay) => sum + delay, 0);
  return delays.length + Math.max(0, Math.ceil(remaining / visibility)) + 1;
}

// Database.

/** Return how functions sign in to the database: `iam` (tokens) or `secret` (passwords). */
async function login(context) {
  const { database, dbLogin } = await resolveParameters(context, 'database', 'dbLogin');
  return dbLogin ?? (database === 'existing' ? 'secret' : 'iam');
}

/** Return whether a cluster that the stack creates has the Data API, which accepts passwords only. */
async function dataApi(context) {
  return (await resolveParameters(context, 'dataApi')).dataApi ?? (await login(context)) === 'secret';
}

/** Return the concurrency of a function of functions.js: its reserved concurrency, or else drainMaximumConcurrency. */
async function functionConcurrency(context, { name }) {
  const values = await resolveParameters(context, `${name}Concurrency`, 'drainMaximumConcurrency');
  return values[`${name}Concurrency`] ?? values.drainMaximumConcurrency;
}

/**
 * Return the number of connections above which the alarm fires: two for each concurrent execution, because connections of replaced
 * execution environments stay open for a while after a deploy, and 20 for people.
 */
async function connectionAlarmThreshold(context) {
  let threshold = 20;
  for (const lambda of FUNCTIONS) threshold += 2 * (await functionConcurrency(context, lambda));
  return threshold;
}

/** Return the secrets of a cluster that the stack creates: its owner's, and one for each function. */
const secrets = () => [
  { 'Fn::GetAtt': ['DatabaseCluster', 'MasterUserSecret.SecretArn'] },
  ...FUNCTIONS.map(({ secret }) => ({ Ref: secret })),
];

// Network.

/** Return the names of the services that functions reach through endpoints, as text. */
const endpointServiceNames = async (context) => ((await login(context)) === 'secret' ? 'SQS and Secrets Manager' : 'SQS');

/** Return the zones of the two subnets that the stack creates: the region's first two, or those that are configured. */
async function zones(context) {
  const { zones: configured } = await resolveParameters(context, 'zones');
  if (!configured.length) return [0, 1].map((index) => ({ 'Fn::Select': [index, { 'Fn::GetAZs': '' }] }));
  const region = await context.resolveVariable('self:provider.region');
  if (configured.length !== 2 || configured[0] === configured[1] || !configured.every((zone) => RegExp(`^${region}[a-z]$`).test(zone))) {
    fail(`zones: '${configured}' is not a list of two zones of ${region}, like ${region}a,${region}c.`);
  }
  return configured;
}

/** Return the subnets that have endpoints. If only one has, functions in the other subnet reach its endpoints across zones. */
async function endpointSubnets(context) {
  return [{ Ref: 'SubnetA' }, { Ref: 'SubnetB' }].slice(0, (await resolveParameters(context, 'endpointZones')).endpointZones);
}

// Deletion of resources that hold punches, and of resources that those depend on (their UpdateReplacePolicy is the parameter whenDeleted).

/** Return the DeletionPolicy. A failed first deploy deletes its resources: they hold nothing yet, and would block the next deploy. */
async function deletionPolicy(context) {
  return (await resolveParameters(context, 'whenDeleted')).whenDeleted === 'Retain' ? 'RetainExceptOnCreate' : 'Delete';
}

// Sign-in.

/** Return `true`, as text for a variable, if a slice requires sign-in, or else null. */
const signInRequired = async (context) => (Object.keys(await collect(context, 'identity')).length ? 'true' : null);

// The stack.

/** Return the stack's name, the prefix of many resources' names. */
const stackName = async ({ resolveVariable }) => `${await resolveVariable('self:service')}-${await resolveVariable('sls:stage')}`;

/** Return an ARN that a parameter names; null if it is empty. */
async function resolveArn(context, name, type, example) {
  const arn = await context.resolveVariable(`param:${name}`);
  if (arn && !RegExp(`^arn:aws[a-z-]*:iam::(aws|[0-9]{12}):${type}/\\S+$`).test(arn)) {
    fail(`${name}: '${arn}' is not an ARN like arn:aws:iam::123456789012:${type}/${example}.`);
  }
  return arn || null;
}

/** Return the role with which CloudFormation changes the stack; null: with the rights of the user who deploys. */
const deploymentRole = (context) => resolveArn(context, 'deploymentRole', 'role', 'execution');

/** Return the permissions boundary of every role, if one is configured; the roles of .github/deploy-role.yml require it. */
const permissionsBoundary = async (context) =>
  (await resolveArn(context, 'permissionsBoundary', 'policy', 'boundary')) ?? { Ref: 'AWS::NoValue' };

/** Return the tags of the stack and its resources: service, stage, and the parameter tags. */
async function tags(context) {
  const pairs = (await resolveParameters(context, 'tags')).tags.map((tag) => {
    const [name, ...value] = tag.split('=');
    if (name && value.length === 1) return [name.trim(), value[0].trim()];
    return fail(`tags: '${tag}' is not name=value; separate several with commas, like costCentre=4711,owner=intake.`);
  });
  const stackTags = { service: await context.resolveVariable('self:service'), stage: await context.resolveVariable('sls:stage') };
  return { ...Object.fromEntries(pairs), ...stackTags };
}

module.exports = {
  drainBatchingWindow, drainMaximumConcurrency, visibilityTimeout, retryDelays, maxReceiveCount, login, dataApi, functionConcurrency,
  connectionAlarmThreshold, secrets, endpointServiceNames, zones, endpointSubnets, deletionPolicy, signInRequired, deploymentRole, permissionsBoundary, stackName,
  tags,
};
