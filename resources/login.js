// How functions sign in to the database: secrets, permissions, and environment variables.
const FUNCTIONS = require('./functions.js');
const { allow, policy } = require('./iam.js');

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

/** Return a policy to read the owner's secret and, for each function, a secret and a policy to read it. */
function secrets(ownerSecret, key) {
  const read = (secret) => allow('secretsmanager:GetSecretValue', secret);
  const decrypt = key ? [allow('kms:Decrypt', key)] : [];
  const resources = { DatabaseSecretPolicy: policy("Reads the password of the database's owner", read(ownerSecret), ...decrypt) };
  for (const { secret, purpose, role } of FUNCTIONS) {
    resources[secret] = generatedSecret(`Database credentials of the function that ${purpose}`, role);
    resources[`${secret}Policy`] = policy(`Reads the database credentials of the function that ${purpose}`, read({ Ref: secret }));
  }
  return resources;
}

/** Return a statement that allows signing in as a database role; `resourceId` may contain placeholders of Fn::Sub. */
const connect = (resourceId, role) =>
  allow('rds-db:connect', {
    'Fn::Sub': `arn:\${AWS::Partition}:rds-db:\${AWS::Region}:\${AWS::AccountId}:dbuser:${resourceId}/${role}`,
  });

/**
 * Return the login by IAM tokens: each function may sign in as its own role only, and there are no secrets.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
 */
function iamLogin({ resourceId, owner }) {
  const permissions = (role) => ({ statements: [connect(resourceId, role)] });
  return {
    secrets: {},
    permissions: { schema: permissions(owner), ...Object.fromEntries(FUNCTIONS.map(({ name, role }) => [name, permissions(role)])) },
  };
}

/**
 * Return the login by passwords. Secrets Manager generates the functions' passwords; `ponto schema` sets them on the roles, again after
 * each rotation. Without a secret of the owner there are no secrets: passwords come from the environment or rds_config.py.
 */
function passwordLogin({ ownerSecret, key }) {
  const policies = (...ids) => ({ policies: ownerSecret ? ids.map((id) => ({ Ref: `${id}Policy` })) : [] });
  const secret = (id) => (ownerSecret ? { Ref: id } : '');
  return {
    secrets: { schema: ownerSecret, ...Object.fromEntries(FUNCTIONS.map((lambda) => [lambda.name, secret(lambda.secret)])) },
    permissions: {
      schema: policies('DatabaseSecret', ...FUNCTIONS.map((lambda) => lambda.secret)),
      ...Object.fromEntries(FUNCTIONS.map((lambda) => [lambda.name, policies(lambda.secret)])),
    },
    resources: ownerSecret ? secrets(ownerSecret, key) : {},
  };
}

module.exports = { iamLogin, passwordLogin };
