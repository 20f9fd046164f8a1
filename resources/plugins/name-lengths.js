// Plugin of osls: fails if the stage's name makes the name of a resource longer than AWS allows, which CloudFormation would report late.
const ServerlessError = require('osls/lib/serverless-error.js');

const MAX_LENGTH = 64;

// Names of at most MAX_LENGTH characters that contain the stage's name, by type of resource. Those of other types may have 128 or more.
const NAMES = {
  'AWS::CloudFront::OriginAccessControl': ({ OriginAccessControlConfig }) => OriginAccessControlConfig.Name,
  'AWS::Lambda::Function': ({ FunctionName }) => FunctionName,
};

function check(resources, provider) {
  const values = { '${AWS::StackName}': provider.naming.getStackName(), '${AWS::Region}': provider.getRegion() };
  const names = Object.values(resources)
    .filter(({ Type }) => Type in NAMES)
    .map(({ Type, Properties }) => NAMES[Type](Properties))
    .map((name) => name?.['Fn::Sub'] ?? name) // without a name, CloudFormation chooses a short one
    .filter((name) => typeof name === 'string')
    .map((name) => name.replace(/\$\{.+?\}/g, (variable) => values[variable] ?? variable));
  const longest = names.reduce((first, second) => (second.length > first.length ? second : first));
  if (longest.length <= MAX_LENGTH) return;
  const maxStageLength = provider.getStage().length - (longest.length - MAX_LENGTH);
  const remedy = maxStageLength > 0 ? `a stage name of at most ${maxStageLength} characters` : 'a shorter name of the service or the function';
  throw new ServerlessError(
    `The name ${longest} would have ${longest.length} characters, but AWS allows ${MAX_LENGTH}. Choose ${remedy} ` +
      '(docs/deploy.md#names-of-stages).',
    'NAME_TOO_LONG'
  );
}

module.exports = class NameLengths {
  constructor(serverless) {
    const { service } = serverless;
    this.hooks = {
      'after:aws:package:finalize:mergeCustomProviderResources': () =>
        check(service.provider.compiledCloudFormationTemplate.Resources, serverless.getProvider('aws')),
    };
  }
};
