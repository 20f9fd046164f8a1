// The database role of each function, by the function's name in lib/functions.js.
module.exports = Object.fromEntries(require('./lib/functions.js').map(({ name, role }) => [name, role]));
