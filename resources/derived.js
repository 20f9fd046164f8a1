// What follows from parameters: numbers, and CloudFormation's words for what a parameter says. One export for each;
// `${file(resources/derived.js):visibilityTimeout}` calls it. Times are in seconds.
const FUNCTIONS = require('./functions.js');
const { together } = require('./slices.js');
const stop = require('./stop.js');

const typed = async ({ resolveVariable }, name) => resolveVariable(`file(resources/parameters.js):${name}`);

// Queues.

const OUTAGE = 30 * 3600; // of the database, that a message which fails outlives at least before it is dead-lettered
const FIRST_RETRY = 5;
const LEAST_VISIBILITY = 109; // with less, an outage would have more receives than the 1,000 that SQS counts

/** How long a batch may wait to be full. What AWS would refuse in the middle of a deploy stops it here. */
async function batchingWindow(context) {
  const batch = await typed(context, 'batchSize');
  const window = await typed(context, 'batchingWindow');
  if (batch > 10 && window < 1) stop(`batchingWindow: a batchSize of ${batch} needs 1 s at least, and one up to 10 none.`);
  return window;
}

/**
 * Batches that the queue asks for at once. More than the function may run at once would be read
 * all the same, and each read that is throttled counts towards the dead-letter queue.
 */
async function maximumConcurrency(context) {
  const most = await typed(context, 'maximumConcurrency');
  const reserved = await typed(context, 'reservedConcurrency, null');
  if (reserved !== null && most > reserved) {
    stop(
      `maximumConcurrency: ${most} is above reservedConcurrency (${reserved}), so throttled receives turn good punches into ` +
        'dead letters. Set both.'
    );
  }
  return most;
}

/** How long a message is hidden while it is worked on: AWS asks for six times the function's timeout and the window. */
async function visibilityTimeout(context) {
  return Math.max(6 * (await typed(context, 'timeout')) + (await batchingWindow(context)), LEAST_VISIBILITY);
}

/**
 * How long a message that failed for the first, second, ... time stays hidden. Each time twice as long, up to the
 * queue's own visibility timeout, which holds from then on.
 */
function delaysBelow(visibility) {
  const delays = [];
  for (let delay = FIRST_RETRY; delay < visibility; delay *= 2) delays.push(delay);
  return delays;
}

const retryDelays = async (context) => delaysBelow(await visibilityTimeout(context)).join(',');

/**
 * Receives after which SQS dead-letters a message: those of an outage, in which it returns after each delay, and the one
 * that finds the database back.
 */
async function maxReceiveCount(context) {
  const visibility = await visibilityTimeout(context);
  const sooner = delaysBelow(visibility);
  const rest = OUTAGE - sooner.reduce((sum, delay) => sum + delay, 0);
  return sooner.length + Math.max(0, Math.ceil(rest / visibility)) + 1;
}

// Database.

/** How functions sign in to it: by tokens of AWS's, `iam`, or by passwords, `secret`. */
async function login(context) {
  return (await typed(context, 'dbLogin, null')) ?? ((await typed(context, 'database')) === 'existing' ? 'secret' : 'iam');
}

/** Whether a cluster that is made has the Data API, which takes passwords only. */
async function dataApi(context) {
  return (await typed(context, 'dataApi, null')) ?? (await login(context)) === 'secret';
}

/** Executions at once of a function of functions.js: those reserved, or else as many as the queue asks that which stores for. */
async function executions(context, { reserves }) {
  return (await typed(context, `${reserves}, null`)) ?? typed(context, 'maximumConcurrency');
}

/**
 * Connections that are too many. Each function holds at most one an execution, and twice that while a deploy replaces its
 * environments, whose connections outlive them; 20 for people.
 */
async function tooManyConnections(context) {
  let most = 20;
  for (const each of FUNCTIONS) most += 2 * (await executions(context, each));
  return most;
}

/** The secrets of a cluster that is made: its owner's, and one for each function. */
const secrets = () => [
  { 'Fn::GetAtt': ['DatabaseCluster', 'MasterUserSecret.SecretArn'] },
  ...FUNCTIONS.map(({ secret }) => ({ Ref: secret })),
];

// Network.

/** What functions reach by endpoints, in words. */
const endpointServices = async (context) => ((await login(context)) === 'secret' ? 'SQS and Secrets Manager' : 'SQS');

/** The zones of the two subnets that are made: the region's first two, or those that are named. */
async function zones(context) {
  const named = await typed(context, 'zones');
  if (!named.length) return [0, 1].map((index) => ({ 'Fn::Select': [index, { 'Fn::GetAZs': '' }] }));
  const region = await context.resolveVariable('self:provider.region');
  if (named.length !== 2 || named[0] === named[1] || !named.every((zone) => RegExp(`^${region}[a-z]$`).test(zone))) {
    stop(`zones: '${named}' is not two zones of ${region}, like ${region}a,${region}c.`);
  }
  return named;
}

/** The subnets that have endpoints. From the other one, functions reach the one endpoint across zones. */
async function endpointSubnets(context) {
  return [{ Ref: 'SubnetA' }, { Ref: 'SubnetB' }].slice(0, await typed(context, 'endpointZones'));
}

// What becomes of what holds punches, and of what that needs, when it leaves the stack; where it is replaced, whenDeleted says it.

/** What whenDeleted says. What a failed first deploy made holds nothing yet, and would be in the next one's way. */
async function deletion(context) {
  return (await typed(context, 'whenDeleted')) === 'Retain' ? 'RetainExceptOnCreate' : 'Delete';
}

// Employees who sign in.

/** `required`, where a slice asks that a punch is of somebody who is vouched for. */
const identity = async (context) => (await together(context, 'environment')).IDENTITY ?? null;

// The stack.

/** Its name, with which the names of much that it makes begin. */
const stackName = async ({ resolveVariable }) => `${await resolveVariable('self:service')}-${await resolveVariable('sls:stage')}`;

/** The permissions boundary of every role, where one is asked for: .github/deploy-role.yml makes roles with it only. */
async function permissionsBoundary(context) {
  const arn = await context.resolveVariable('param:permissionsBoundary');
  if (!arn) return { Ref: 'AWS::NoValue' };
  if (!/^arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy\/\S+$/.test(arn)) {
    stop(`permissionsBoundary: '${arn}' is not the ARN of a managed policy, like arn:aws:iam::123456789012:policy/boundary.`);
  }
  return arn;
}

/** What the stack and all that it makes is tagged with: service, stage, and the parameter tags. */
async function tags(context) {
  const pairs = (await typed(context, 'tags')).map((tag) => {
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
