// Loaded into `sls` by `make run`. serverless-python-requirements compresses the Python packages in JavaScript with the
// highest level, which takes most of the time. Needed until the plugin has an option for the level.
const JSZip = require('jszip');

const { generateNodeStream } = JSZip.prototype;
JSZip.prototype.generateNodeStream = function (options) {
  return generateNodeStream.call(this, { ...options, compressionOptions: { level: 1 } });
};
