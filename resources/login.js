// How functions sign in to the database: secrets, permissions, and environment variables.
const FUNCTIONS = require('./functions.js');
const { allow } = require('./lib/iam.js');

const generatedSecret = (Description, username) => ({
  Type: 'AWS::SecretsManager::Secret',
  Metadata: { checkov: { skip: [{ id: 'CKV_AWS_149', comment: 'encrypted with the AWS-managed key; no other account reads the secret' }] } },
  Properties: {
    Description,
    GenerateSecretString: {
      SecretStringTemplate: `{"username": "${username}"}`,
      GenerateStringKey: 'password',
      PasswordLength: 40,
      ExcludePunctuation: true,
    },
  },
});

/** Return a statement that allows signing in as a database role; `resourceId` may contain placeholders of Fn::Sub. */
const connect = (resourceId, role) =>
  allow('rds-db:connect', {
    'Fn::Sub': `arn:\${AWS::Partition}:rds-db:\${AWS::Region}:\${AWS::AccountId}:dbuser:${resourceId}/${role}`,
  });

/**
 * Return the login by IAM tokens: each function may sign in as its own role only, and there are no secrets.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
 */
function iamLogin({ resourceId, owner, roles }) {
  const permissions = (role) => [connect(resourceId, role)];
  return {
    secrets: {},
    permissions: { schema: permissions(owner), ...Object.fromEntries(FUNCTIONS.map(({ name }) => [name, permissions(roles[name])])) },
  };
}

/**
 * Return the login by passwords. Secrets Manager generates the functions' passwords; `ponto schema` sets them on the roles, again after
 * each rotation. Without a secret of the owner there are no secrets: passwords come from the environment or rds_config.py.
 */
function passwordLogin({ ownerSecret, roles }) {
  const forFunctions = (value) => Object.fromEntries(FUNCTIONS.map((lambda) => [lambda.name, value(lambda)]));
  if (!ownerSecret) return { secrets: { schema: ownerSecret, ...forFunctions(() => '') }, permissions: { schema: [], ...forFunctions(() => []) } };
  const read = (...secrets) => allow('secretsmanager:GetSecretValue', secrets);
  const reference = ({ secret }) => ({ Ref: secret });
  return {
    secrets: { schema: ownerSecret, ...forFunctions(reference) },
    permissions: {
      schema: [read(ownerSecret, ...FUNCTIONS.map(reference))],
      ...forFunctions((lambda) => [read(reference(lambda))]),
    },
    resources: Object.fromEntries(
      FUNCTIONS.map(({ name, secret, purpose }) => [secret, generatedSecret(`Database credentials of the function that ${purpose}`, roles[name])])
    ),
  };
}

module.exports = { iamLogin, passwordLogin };
