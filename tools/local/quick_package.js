// Loaded into `sls` where it packages for one machine: what takes most of the time that packaging takes, made quick.
// The other adapter beside adapter.py, for it is JavaScript: each replacement says until when it is needed.
const JSZip = require('jszip');
const cycle = require('json-cycle');

const VERSIONS = { jszip: '3.10.2', 'json-cycle': '1.5.0' }; // that this file is written for
for (const [name, known] of Object.entries(VERSIONS)) {
  const { version } = require(`${name}/package.json`);
  if (version !== known) {
    throw new Error(
      `tools/local/quick_package.js replaces functions of ${name} ${known}, and ${version} is installed: make setup ` +
        'installs the former. To take the new one, see whether they are as they were, and write the version into it.',
    );
  }
}

// The plugin that adds the Python packages to the zip compresses them as small as it can, in JavaScript. Until
// serverless-python-requirements takes a level.
const { generateNodeStream } = JSZip.prototype;
JSZip.prototype.generateNodeStream = function (options) {
  return generateNodeStream.call(this, { ...options, compressionOptions: { level: 1 } });
};

// For each object that it writes into serverless-state.json osls searches the list of all before. Here they are a map. Until
// json-cycle has one.
cycle.stringify = (object, replacer, space) => {
  const paths = new Map();
  const copy = (found, path) => {
    const value = typeof found?.toJSON === 'function' ? found.toJSON() : found;
    if (typeof value !== 'object' || value === null) return value;
    if (paths.has(value)) return { $ref: paths.get(value) };
    paths.set(value, path);
    if (Array.isArray(value)) return value.map((each, place) => copy(each, `${path}[${place}]`));
    const within = ([name, each]) => [name, copy(each, `${path}[${JSON.stringify(name)}]`)];
    return Object.fromEntries(Object.entries(value).map(within));
  };
  return JSON.stringify(copy(object, '$'), replacer, space);
};
