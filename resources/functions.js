// The functions that connect to the database. `name` is the prefix of a function's role, secret, variables and parameters, `id` of the
// logical ids that osls derives from its key; `role` is its role in the database; `purpose` completes "the function that ...".
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { ENDPOINTS } = require('./slices.js');

// Declarations contain role names literally, as SQL files do.
const names = readFileSync(join(__dirname, '..', 'ponto', 'shared', 'sql_names.py'), 'utf8');
const [, prefix] = /^ROLE_PREFIX = "(\w+)"$/m.exec(names);

const FUNCTIONS = [
  { name: 'drain', id: 'BatidaPonto', role: 'ponto_drain', purpose: 'stores punches' },
  { name: 'read', id: 'Read', role: 'ponto_reader', purpose: 'reads' },
  ...ENDPOINTS,
];

const capitalised = (text) => text[0].toUpperCase() + text.slice(1);

/** `secret` and `iamRole` are logical ids: DrainSecret, DrainRole. */
module.exports = FUNCTIONS.map((lambda) => ({
  ...lambda,
  role: lambda.role.replace(/^ponto_/, prefix),
  secret: `${capitalised(lambda.name)}Secret`,
  iamRole: `${capitalised(lambda.name)}Role`,
}));
