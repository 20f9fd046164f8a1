// The functions that reach the database: by which name its secret goes, the function's logical id, its role there, what it
// does, and the parameter that reserves its executions.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { ENDPOINTS } = require('./slices.js');

// Declarations name roles literally, as files of SQL do.
const names = readFileSync(join(__dirname, '..', 'ponto', 'sql_names.py'), 'utf8');
const [, prefix] = /^ROLE_PREFIX = "(\w+)"$/m.exec(names);

const FUNCTIONS = [
  { name: 'function', id: 'BatidaPonto', role: 'ponto_function', does: 'stores punches', reserves: 'reservedConcurrency' },
  { name: 'read', id: 'Read', role: 'ponto_reader', does: 'reads', reserves: 'readConcurrency' },
  ...ENDPOINTS,
];

/** `secret` is the logical id of its secret: FunctionSecret. */
module.exports = FUNCTIONS.map((each) => ({
  ...each,
  role: each.role.replace(/^ponto_/, prefix),
  secret: `${each.name[0].toUpperCase()}${each.name.slice(1)}Secret`,
}));
