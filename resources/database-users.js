// The role as which each function signs in to the database, by the function's name in functions.js.
module.exports = Object.fromEntries(require('./functions.js').map(({ name, role }) => [name, role]));
