// Loaded into `sls` where it packages for one machine. The plugin that adds the Python packages to the zip compresses them
// as small as it can, in JavaScript, which takes most of the time. Until serverless-python-requirements takes a level.
const JSZip = require('jszip');

const { generateNodeStream } = JSZip.prototype;
JSZip.prototype.generateNodeStream = function (options) {
  return generateNodeStream.call(this, { ...options, compressionOptions: { level: 1 } });
};
