const ServerlessError = require('osls/lib/serverless-error.js');

const PREFIX = 'Cannot resolve variable at "params": ';
const errors = new Map();

/**
 * Stop with a message. osls reports an error for each variable that meets it, but passes one of this class and prefix through as it is,
 * and prints the same one once.
 */
module.exports = (message) => {
  const text = PREFIX + message.replace(PREFIX, '');
  if (!errors.has(text)) errors.set(text, new ServerlessError(text, 'PARAMETERS_REFUSED'));
  throw errors.get(text);
};
