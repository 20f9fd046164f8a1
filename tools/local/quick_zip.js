// Loaded into `sls` where it packages for one machine: the plugin that adds the Python packages to the zip compresses
// them as small as it can, in JavaScript, which takes most of the time that packaging takes.
const JSZip = require('jszip');

const { generateNodeStream } = JSZip.prototype;
JSZip.prototype.generateNodeStream = function (options) {
  return generateNodeStream.call(this, { ...options, compressionOptions: { level: 1 } });
};
