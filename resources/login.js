// How functions sign in to the database: the secrets that this takes, who may read them or sign in without one, and what
// the functions are told of it.
const FUNCTIONS = require('./functions.js');
const { allow, policy } = require('./iam.js');

const generated = (Description, username) => ({
  Type: 'AWS::SecretsManager::Secret',
  Metadata: { checkov: { skip: [{ id: 'CKV_AWS_149', comment: 'Secrets Manager has a key; no other account reads it' }] } },
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

/** The right to read the owner's secret, and a secret of each function with the right to read it. */
function secrets(ownerSecret, key) {
  const read = (secret) => allow('secretsmanager:GetSecretValue', secret);
  const ofKey = key ? [allow('kms:Decrypt', key)] : [];
  const found = { DatabaseSecretPolicy: policy("The password of the database's owner", read(ownerSecret), ...ofKey) };
  for (const { secret, does, role } of FUNCTIONS) {
    found[secret] = generated(`The database's user of the function that ${does}`, role);
    found[`${secret}Policy`] = policy(`The database's password of the function that ${does}`, read({ Ref: secret }));
  }
  return found;
}

/** The right to sign in as a role of the database; `resourceId` as Fn::Sub takes it. */
const connect = (resourceId, role) =>
  allow('rds-db:connect', {
    'Fn::Sub': `arn:\${AWS::Partition}:rds-db:\${AWS::Region}:\${AWS::AccountId}:dbuser:${resourceId}/${role}`,
  });

/**
 * By AWS's tokens, each function as its own role only: no password, and no secret.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
 */
function byTokens({ resourceId, owner }) {
  const rights = (role) => ({ statements: [connect(resourceId, role)] });
  return {
    secrets: {},
    rights: { schema: rights(owner), ...Object.fromEntries(FUNCTIONS.map(({ name, role }) => [name, rights(role)])) },
  };
}

/**
 * By passwords of secrets. AWS makes the functions'; `ponto schema` gives them to the roles, also after they have changed.
 * Without the owner's secret there is none: passwords come from the environment or rds_config.py.
 */
function byPasswords({ ownerSecret, key }) {
  const policies = (...ids) => ({ policies: ownerSecret ? ids.map((id) => ({ Ref: `${id}Policy` })) : [] });
  const secret = (id) => (ownerSecret ? { Ref: id } : '');
  return {
    secrets: { schema: ownerSecret, ...Object.fromEntries(FUNCTIONS.map((each) => [each.name, secret(each.secret)])) },
    rights: {
      schema: policies('DatabaseSecret', ...FUNCTIONS.map((each) => each.secret)),
      ...Object.fromEntries(FUNCTIONS.map((each) => [each.name, policies(each.secret)])),
    },
    resources: ownerSecret ? secrets(ownerSecret, key) : {},
  };
}

module.exports = { byTokens, byPasswords };
