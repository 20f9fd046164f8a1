// The database role of each function, by the function's name in functions.js.
module.exports = Object.fromEntries(require('./functions.js').map(({ name, role }) => [name, role]));
