// Parameters as CloudFormation takes them, for --param gives texts: `${file(resources/parameters.js):backupDays}` is a
// number. What kind each is follows from its default. What is none of its kind stops the deploy here.
const { PARAMETERS } = require('./slices.js');
const stop = require('./stop.js');

const one = (...choices) => (text, name) =>
  choices.includes(text) ? text : stop(`${name}: '${text}' is not one of ${choices.join(', ')}.`);

const boolean = (text, name) => one('true', 'false')(text, name) === 'true';

const number = (text, name) => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : stop(`${name}: '${text}' is not a number.`));

/** Executions that are reserved, or null: none are, which is not 0: that would stop the function. --param says none for empty. */
function reserved(text, name) {
  if (['', 'none'].includes(text)) return null;
  return /^[1-9]\d*$/.test(text) ? Number(text) : stop(`${name}: '${text}' is neither a number of executions nor none.`);
}

/** What is comma-separated. */
const list = (text) => text.split(',').map((each) => each.trim()).filter(Boolean);

/** Or null, where it is empty: it follows from others. */
const derived = (read) => (text, name) => (text ? read(text, name) : null);

const KINDS = {
  database: one('create', 'existing', 'express'),
  dbLogin: derived(one('iam', 'secret')),
  dataApi: derived(boolean),
  subnetNames: list,
  securityGroupNames: list,
  subnetIds: list,
  securityGroupIds: list,
  endpointZones: one('1', '2'),
  zones: list,
  alarms: one('all', 'essential'),
  metricMath: one('supported', 'unsupported'),
  tags: list,
  whenDeleted: one('Retain', 'Delete'),
};

const OF_ANOTHER = /^\$\{param:(\w+)\}$/; // by default it is what this other one is

function kind(name) {
  if (name in KINDS) return KINDS[name];
  if (name.endsWith('Concurrency') && name !== 'maximumConcurrency') return reserved;
  const value = PARAMETERS.default[name];
  const [, other] = OF_ANOTHER.exec(value) ?? [];
  return { boolean, number }[typeof (other ? PARAMETERS.default[other] : value)];
}

module.exports = Object.fromEntries(
  Object.keys(PARAMETERS.default)
    .filter(kind)
    .map((name) => [name, async ({ resolveVariable }) => kind(name)(String(await resolveVariable(`param:${name}`)), name)])
);
