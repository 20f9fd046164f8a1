// The functions that connect to the database. `name` is the prefix of a function's secret and variables, `id` of its logical ids; `role`
// is its role in the database; `purpose` completes "the function that ..."; `concurrencyParameter` sets its reserved concurrency.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { ENDPOINTS } = require('./slices.js');

// Declarations contain role names literally, as SQL files do.
const names = readFileSync(join(__dirname, '..', 'ponto', 'sql_names.py'), 'utf8');
const [, prefix] = /^ROLE_PREFIX = "(\w+)"$/m.exec(names);

const FUNCTIONS = [
  { name: 'function', id: 'BatidaPonto', role: 'ponto_drain', purpose: 'stores punches', concurrencyParameter: 'reservedConcurrency' },
  { name: 'read', id: 'Read', role: 'ponto_reader', purpose: 'reads', concurrencyParameter: 'readConcurrency' },
  ...ENDPOINTS,
];

/** `secret` is the logical id of the function's secret: FunctionSecret. */
module.exports = FUNCTIONS.map((lambda) => ({
  ...lambda,
  role: lambda.role.replace(/^ponto_/, prefix),
  secret: `${lambda.name[0].toUpperCase()}${lambda.name.slice(1)}Secret`,
}));
