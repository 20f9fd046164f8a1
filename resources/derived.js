// What follows from parameters: numbers, and CloudFormation's words for what a parameter says. One export for each;
// `${file(resources/derived.js):visibilityTimeout}` calls it. Times are in seconds.
const FUNCTIONS = require('./functions.js');
const { together } = require('./slices.js');
const stop = require('./stop.js');
const values = require('./values.js');

// Queues.

const OUTAGE_SECONDS = 30 * 3600; // of the database, which a failing message outlives at least before it is dead-lettered
const FIRST_RETRY_SECONDS = 5;
const MIN_VISIBILITY_SECONDS = 109; // with less, an outage would have more receives than the 1,000 that SQS counts

/** Return how long a batch may wait to be full. What AWS would refuse in the middle of a deploy stops it here. */
async function batchingWindow(context) {
  const { batchSize, batchingWindow: window } = await values(context, 'batchSize', 'batchingWindow');
  if (batchSize > 10 && window < 1) stop(`batchingWindow: a batchSize of ${batchSize} needs 1 s at least, and one up to 10 none.`);
  return window;
}

/**
 * Return how many batches the queue asks for at once. More than the function may run at once would be read all the same,
 * and each read that is throttled counts towards the dead-letter queue.
 */
async function maximumConcurrency(context) {
  const { maximumConcurrency: most, reservedConcurrency: reserved } = await values(context, 'maximumConcurrency', 'reservedConcurrency');
  if (reserved === null || most <= reserved) return most;
  return stop(
    `maximumConcurrency: ${most} is above reservedConcurrency (${reserved}), so throttled receives turn good punches into ` +
      'dead letters. Set both.'
  );
}

/** Return how long a message is hidden while it is processed: AWS asks for six times the function's timeout and the window. */
async function visibilityTimeout(context) {
  const { timeout } = await values(context, 'timeout');
  return Math.max(6 * timeout + (await batchingWindow(context)), MIN_VISIBILITY_SECONDS);
}

/**
 * Return how long a message that failed for the first, second, ... time stays hidden. Each time twice as long, up to the
 * queue's own visibility timeout, which holds from then on.
 */
function delaysBelow(visibility) {
  const delays = [];
  for (let delay = FIRST_RETRY_SECONDS; delay < visibility; delay *= 2) delays.push(delay);
  return delays;
}

const retryDelays = async (context) => delaysBelow(await visibilityTimeout(context)).join(',');

/**
 * Return the number of receives after which SQS dead-letters a message: those of an outage, in which it returns after each
 * delay, and the one that finds the database back.
 */
async function maxReceiveCount(context) {
  const visibility = await visibilityTimeout(context);
  const sooner = delaysBelow(visibility);
  const rest = OUTAGE_SECONDS - sooner.reduce((sum, delay) => sum + delay, 0);
  return sooner.length + Math.max(0, Math.ceil(rest / visibility)) + 1;
}

// Database.

/** Return how functions sign in to it: `iam`, by AWS's tokens, or `secret`, by passwords. */
async function login(context) {
  const { database, dbLogin } = await values(context, 'database', 'dbLogin');
  return dbLogin ?? (database === 'existing' ? 'secret' : 'iam');
}

/** Return whether a cluster that the stack creates has the Data API, which takes passwords only. */
async function dataApi(context) {
  return (await values(context, 'dataApi')).dataApi ?? (await login(context)) === 'secret';
}

/** Return the concurrency of a function of functions.js: what is reserved, or else as many as the queue asks the drain for. */
async function executions(context, { reserves }) {
  const found = await values(context, reserves, 'maximumConcurrency');
  return found[reserves] ?? found.maximumConcurrency;
}

/**
 * Return a number of connections that is too high. Each function holds at most one an execution, and twice that while a deploy replaces its
 * environments, whose connections outlive them; 20 for people.
 */
async function tooManyConnections(context) {
  let most = 20;
  for (const each of FUNCTIONS) most += 2 * (await executions(context, each));
  return most;
}

/** Return the secrets of a cluster that the stack creates: its owner's, and one for each function. */
const secrets = () => [
  { 'Fn::GetAtt': ['DatabaseCluster', 'MasterUserSecret.SecretArn'] },
  ...FUNCTIONS.map(({ secret }) => ({ Ref: secret })),
];

// Network.

/** Name the services that functions reach by endpoints. */
const endpointServices = async (context) => ((await login(context)) === 'secret' ? 'SQS and Secrets Manager' : 'SQS');

/** Return the zones of the two subnets that the stack creates: the region's first two, or those that are configured. */
async function zones(context) {
  const { zones: named } = await values(context, 'zones');
  if (!named.length) return [0, 1].map((index) => ({ 'Fn::Select': [index, { 'Fn::GetAZs': '' }] }));
  const region = await context.resolveVariable('self:provider.region');
  if (named.length !== 2 || named[0] === named[1] || !named.every((zone) => RegExp(`^${region}[a-z]$`).test(zone))) {
    stop(`zones: '${named}' is not two zones of ${region}, like ${region}a,${region}c.`);
  }
  return named;
}

/** Return the subnets that have endpoints. From the other one, functions reach the one endpoint across zones. */
async function endpointSubnets(context) {
  return [{ Ref: 'SubnetA' }, { Ref: 'SubnetB' }].slice(0, (await values(context, 'endpointZones')).endpointZones);
}

// What becomes of what holds punches, and of what that needs, when it leaves the stack; where it is replaced, whenDeleted says it.

/** Return the DeletionPolicy. What a failed first deploy created holds nothing yet, and would be in the next one's way. */
async function deletion(context) {
  return (await values(context, 'whenDeleted')).whenDeleted === 'Retain' ? 'RetainExceptOnCreate' : 'Delete';
}

// Employees who sign in.

/** Return `required` where a slice asks that employees sign in. */
const identity = async (context) => (Object.keys(await together(context, 'identity')).length ? 'required' : null);

// The stack.

/** Return the stack's name, with which the names of many of its resources begin. */
const stackName = async ({ resolveVariable }) => `${await resolveVariable('self:service')}-${await resolveVariable('sls:stage')}`;

/** Return the permissions boundary of every role, if configured: with .github/deploy-role.yml each role needs it. */
async function permissionsBoundary(context) {
  const arn = await context.resolveVariable('param:permissionsBoundary');
  if (!arn) return { Ref: 'AWS::NoValue' };
  if (!/^arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy\/\S+$/.test(arn)) {
    stop(`permissionsBoundary: '${arn}' is not the ARN of a managed policy, like arn:aws:iam::123456789012:policy/boundary.`);
  }
  return arn;
}

/** Return the tags of the stack and its resources: service, stage, and the parameter tags. */
async function tags(context) {
  const pairs = (await values(context, 'tags')).tags.map((tag) => {
    const [name, ...value] = tag.split('=');
    if (name && value.length === 1) return [name.trim(), value[0].trim()];
    return stop(`The parameter tags has '${tag}'; it takes name=value, comma-separated: costCentre=4711,owner=hr.`);
  });
  const own = { service: await context.resolveVariable('self:service'), stage: await context.resolveVariable('sls:stage') };
  return { ...Object.fromEntries(pairs), ...own };
}

module.exports = {
  batchingWindow, maximumConcurrency, visibilityTimeout, retryDelays, maxReceiveCount, login, dataApi, executions,
  tooManyConnections, secrets, endpointServices, zones, endpointSubnets, deletion, identity, permissionsBoundary, stackName, tags,
};
