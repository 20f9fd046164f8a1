// Parameters as CloudFormation takes them, for --param gives texts: `${file(resources/parameters.js):fairQueue}`. What is
// neither stops the deploy here.
const stop = require('./stop.js');

const BOOLEANS = ['fairQueue'];

const boolean = (name) => async ({ resolveVariable }) => {
  const value = String(await resolveVariable(`param:${name}`));
  if (!['true', 'false'].includes(value)) stop(`${name}: '${value}' is not one of true, false.`);
  return value === 'true';
};

module.exports = Object.fromEntries(BOOLEANS.map((name) => [name, boolean(name)]));
