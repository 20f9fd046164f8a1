// A plugin of osls: no other user of the machine can read the zip, which may hold the password of an rds_config.py. As a plugin it
// applies to `npx sls` too.
const { chmodSync, existsSync, readdirSync, statSync } = require('node:fs');
const { join } = require('node:path');

module.exports = class PrivateZip {
  constructor(serverless) {
    process.umask(0o077);
    const makeReadable = () => makeReadableForLambda(join(serverless.serviceDir, '.serverless', 'requirements'));
    // Not `before:`, when serverless-python-requirements links the folder without waiting until the link is there. It adds the
    // files to the zip in `after:`.
    this.hooks = {
      'package:createDeploymentArtifacts': makeReadable,
      'deploy:function:packageFunction': makeReadable,
    };
  }
};

/**
 * Set the modes that osls gives the project's own files in the zip. serverless-python-requirements copies those that pip set by
 * the umask, and Lambda runs as another user than the owner of the unpacked files.
 */
function makeReadableForLambda(folder) {
  if (!existsSync(folder)) return; // a project without requirements
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile()) chmodSync(file, statSync(file).mode & 0o100 ? 0o755 : 0o644);
  }
}
