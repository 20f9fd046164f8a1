// Parameters as CloudFormation takes them, for --param gives texts: `${file(resources/parameters.js):backupDays}` is a
// number. What is none stops the deploy here.
const stop = require('./stop.js');

const BOOLEANS = [
  'dataApi', 'deletionProtection', 'fairQueue', 'uploads', 'site', 'accessLogs', 'tracing', 'alarmTopicKey',
  'dashboard',
];

const NUMBERS = [
  'endpointZones', 'maximumAcu', 'secondsUntilAutoPause', 'backupDays', 'maximumConcurrency', 'timeout', 'batchSize', 'batchingWindow',
  'logRetentionDays',
  ...['stage', 'punch', 'preflight', 'receipt', 'correction', 'key'].flatMap((name) => [`${name}RateLimit`, `${name}BurstLimit`]),
];

/** Executions that are reserved, or null: none are. --param takes no empty value, so it says none. */
const OPTIONAL = [...require('./functions.js').map(({ reserves }) => reserves), 'importConcurrency'];

const text = async ({ resolveVariable }, name) => String(await resolveVariable(`param:${name}`));

const boolean = (name) => async (context) => {
  const value = await text(context, name);
  return ['true', 'false'].includes(value) ? value === 'true' : stop(`${name}: '${value}' is not one of true, false.`);
};

const number = (name) => async (context) => {
  const value = await text(context, name);
  return /^\d+(\.\d+)?$/.test(value) ? Number(value) : stop(`${name}: '${value}' is not a number.`);
};

const optional = (name) => async (context) => {
  const value = await text(context, name);
  if (['', 'none'].includes(value)) return null; // which is not 0: that would stop the function
  return /^[1-9]\d*$/.test(value) ? Number(value) : stop(`${name}: '${value}' is neither a number of executions nor none.`);
};

const each = (names, kind) => names.map((name) => [name, kind(name)]);

module.exports = Object.fromEntries([...each(BOOLEANS, boolean), ...each(NUMBERS, number), ...each(OPTIONAL, optional)]);
