const ServerlessError = require('osls/lib/serverless-error.js');

const PREFIX = 'Cannot resolve variable at "params": ';
const errors = new Map();

/**
 * Fail with a message. osls would report an error once for each variable that depends on it. It passes an error of this class and prefix
 * through unchanged, and prints the same error once.
 */
module.exports = (message) => {
  const text = PREFIX + message.replace(PREFIX, '');
  if (!errors.has(text)) errors.set(text, new ServerlessError(text, 'PARAMETERS_REFUSED'));
  throw errors.get(text);
};
