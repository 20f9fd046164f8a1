// Plugin of osls: makes the zip readable only by its owner, because it may contain an rds_config.py with a password, and makes the packages
// in the zip readable for Lambda. It is a plugin so that it also applies to `npx sls`.
const { chmodSync, existsSync, readdirSync, statSync } = require('node:fs');
const { join } = require('node:path');

module.exports = class ZipPermissions {
  constructor(serverless) {
    process.umask(0o077);
    const makeReadable = () => makeReadableForLambda(join(serverless.serviceDir, '.serverless', 'requirements'));
    // serverless-python-requirements links the folder in its `before:` hook, without waiting for the link, and adds the files to the zip
    // in its `after:` hook.
    this.hooks = {
      'package:createDeploymentArtifacts': makeReadable,
      'deploy:function:packageFunction': makeReadable,
    };
  }
};

/**
 * Make the packages' files readable for all, as osls does with the project's files in the zip. pip created them with the umask above, and
 * Lambda does not run as the owner of the unpacked files.
 */
function makeReadableForLambda(folder) {
  if (!existsSync(folder)) return; // a project without requirements
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile()) chmodSync(file, statSync(file).mode & 0o100 ? 0o755 : 0o644);
  }
}
