const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { load } = require('js-yaml');
const schema = require('osls/lib/utils/serverless-utils/cloudformation-schema.js');

/** Parse a YAML file of the project; errors name the file. */
module.exports = (filename) => load(readFileSync(join(__dirname, '..', '..', filename), 'utf8'), { filename, schema }) ?? {};
