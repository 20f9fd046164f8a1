// The database role of each function, by the function's name in functions.js.
const FUNCTIONS = require('./functions.js');
const fail = require('./lib/fail.js');
const resolveParameters = require('./lib/resolve-parameters.js');

module.exports = async (context) => {
  const { rolePrefix } = await resolveParameters(context, 'rolePrefix');
  if (!/^(?!pg_)[a-z][a-z0-9_]{0,29}_$/.test(rolePrefix)) {
    fail(`rolePrefix: '${rolePrefix}' is not a prefix of names. Use at most 31 lower-case letters, digits and _, the last of them _.`);
  }
  return Object.fromEntries(FUNCTIONS.map(({ name, role }) => [name, role.replace(/^ponto_/, rolePrefix)]));
};
