// Parameters as CloudFormation takes them, for --param gives texts: `${file(resources/parameters.js):backupDays}` is a
// number. What kind each is follows from its default. What is none of its kind stops the deploy here.
const { PARAMETERS } = require('./slices.js');
const stop = require('./stop.js');

const text = async ({ resolveVariable }, name) => String(await resolveVariable(`param:${name}`));

const boolean = (name) => async (context) => {
  const value = await text(context, name);
  return ['true', 'false'].includes(value) ? value === 'true' : stop(`${name}: '${value}' is not one of true, false.`);
};

const number = (name) => async (context) => {
  const value = await text(context, name);
  return /^\d+(\.\d+)?$/.test(value) ? Number(value) : stop(`${name}: '${value}' is not a number.`);
};

/** true or false, or null: it follows from others. */
const derived = (name) => async (context) => ((await text(context, name)) ? boolean(name)(context) : null);

/** Executions that are reserved, or null: none are. --param takes no empty value, so it says none. */
const reserved = (name) => async (context) => {
  const value = await text(context, name);
  if (['', 'none'].includes(value)) return null; // which is not 0: that would stop the function
  return /^[1-9]\d*$/.test(value) ? Number(value) : stop(`${name}: '${value}' is neither a number of executions nor none.`);
};

const OF_ANOTHER = /^\$\{param:(\w+)\}$/; // by default it is what this other one is

function kind(name) {
  const value = PARAMETERS.default[name];
  if (name.endsWith('Concurrency') && name !== 'maximumConcurrency') return reserved(name);
  if (name === 'dataApi') return derived(name);
  const [, other] = OF_ANOTHER.exec(value) ?? [];
  return { boolean, number }[typeof (other ? PARAMETERS.default[other] : value)]?.(name);
}

module.exports = Object.fromEntries(
  Object.keys(PARAMETERS.default).map((name) => [name, kind(name)]).filter(([, read]) => read)
);
