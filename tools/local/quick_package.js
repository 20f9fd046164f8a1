// Loaded into `sls` where it packages for one machine: what takes most of the time that packaging takes, made quick.
// The other adapter beside adapter.py, for it is JavaScript.
const JSZip = require('jszip');

const VERSION = '3.10.2'; // that this file is written for
const { version } = require('jszip/package.json');
if (version !== VERSION) {
  throw new Error(
    `tools/local/quick_package.js replaces a function of jszip ${VERSION}, and ${version} is installed: make setup ` +
      'installs the former. To take the new one, see whether it is as it was, and write the version into the file.',
  );
}

// The plugin that adds the Python packages to the zip compresses them as small as it can, in JavaScript. Until
// serverless-python-requirements takes a level.
const { generateNodeStream } = JSZip.prototype;
JSZip.prototype.generateNodeStream = function (options) {
  return generateNodeStream.call(this, { ...options, compressionOptions: { level: 1 } });
};
