// The functions that connect to the database. `name` is the prefix of a function's role, secret, variables and parameters, `id` of the
// logical ids that osls derives from its key; `role` is its role in the database, whose prefix the parameter rolePrefix replaces;
// `purpose` completes "the function that ...".
const { ENDPOINTS } = require('./slices.js');

const FUNCTIONS = [
  { name: 'drain', id: 'BatidaPonto', role: 'ponto_drain', purpose: 'stores punches' },
  { name: 'read', id: 'Read', role: 'ponto_reader', purpose: 'reads' },
  ...ENDPOINTS,
];

const capitalised = (text) => text[0].toUpperCase() + text.slice(1);

/** `secret` and `iamRole` are logical ids: DrainSecret, DrainRole. */
module.exports = FUNCTIONS.map((lambda) => ({
  ...lambda,
  secret: `${capitalised(lambda.name)}Secret`,
  iamRole: `${capitalised(lambda.name)}Role`,
}));
