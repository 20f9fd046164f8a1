// Where the database is and who signs in: an Aurora cluster made here (cluster.yml), or a database of yours.
const { X509Certificate } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { executions } = require('./derived.js');
const FUNCTIONS = require('./functions.js');
const { together, withSchema } = require('./slices.js');
const stop = require('./stop.js');

const KINDS = ['create', 'existing'];
const CERTIFICATES = 'ponto/certificates/rds.pem';

// Where the Data API cannot be had, and a cluster that asks for it is refused:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.Aurora_Fea_Regions_DB-eng.Feature.Data_API.html
const WITHOUT_DATA_API = ['ap-south-2', 'ap-southeast-4', 'ap-southeast-6']; // Hyderabad, Melbourne, New Zealand

/** Whether the packaged certificates are also those of a region's clusters: new regions come later than the package. */
function areKnown(region) {
  const found = readFileSync(join(__dirname, '..', CERTIFICATES), 'utf8').match(/-----BEGIN[^]+?-----END.+/g);
  return found.some((pem) => new X509Certificate(pem).subject.includes(`CN=Amazon RDS ${region} Root CA`));
}

/** Stops what would fail only after the deploy, with what to do. */
function check({ database, dataApi, dbSslRootCert, region }) {
  if (!KINDS.includes(database)) stop(`database: '${database}' is not one of ${KINDS.join(', ')}.`);
  if (database === 'create' && !dbSslRootCert && !areKnown(region)) {
    stop(
      `${CERTIFICATES} has none of ${region}. Save https://truststore.pki.rds.amazonaws.com/${region}/${region}-bundle.pem ` +
        `in ponto/certificates, and set dbSslRootCert to 'ponto/certificates/${region}-bundle.pem'.`
    );
  }
  if (database === 'create' && dataApi && WITHOUT_DATA_API.includes(region)) {
    stop(`${region} has no Data API: set dataApi to false, and reach the database through a tunnel (docs/operations.md).`);
  }
}

const allow = (Action, Resource) => ({ Effect: 'Allow', Action, Resource });

const policy = (Description, ...Statement) => ({
  Type: 'AWS::IAM::ManagedPolicy',
  Properties: { Description, PolicyDocument: { Version: '2012-10-17', Statement } },
});

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

/**
 * The right to read the owner's secret, and a secret of each function with the right to read it.
 * AWS makes their passwords; `ponto schema` gives them to the roles, also after they have changed.
 */
const secrets = (ownerSecret, key) => ({
  DatabaseSecretPolicy: policy(
    "The password of the database's owner",
    allow('secretsmanager:GetSecretValue', ownerSecret),
    ...(key ? [allow('kms:Decrypt', key)] : [])
  ),
  ...Object.fromEntries(
    FUNCTIONS.flatMap((each) => [
      [each.secret, generated(`The database's user of the function that ${each.does}`, each.role)],
      [
        `${each.secret}Policy`,
        policy(
          `The database's password of the function that ${each.does}`,
          allow('secretsmanager:GetSecretValue', { Ref: each.secret })
        ),
      ],
    ])
  ),
});

module.exports = async (context) => {
  const { resolveVariable } = context;
  const parameter = (name) => resolveVariable(`param:${name}`);
  const database = await parameter('database');
  check({
    database,
    dataApi: await resolveVariable('file(resources/parameters.js):dataApi'),
    dbSslRootCert: await parameter('dbSslRootCert'),
    region: await resolveVariable('self:provider.region'),
  });

  const cluster = (attribute) => ({ 'Fn::GetAtt': ['DatabaseCluster', attribute] });
  const { host, port, ownerSecret, key, resources, Outputs } =
    database === 'create'
      ? {
          host: cluster('Endpoint.Address'),
          port: cluster('Endpoint.Port'),
          ownerSecret: cluster('MasterUserSecret.SecretArn'),
          resources: await resolveVariable('file(resources/cluster.yml):Resources'),
          // For commands that say for how long backups are kept: a checkout need not have the parameters of what is deployed.
          Outputs: { BackupDays: { Value: String(await parameter('backupDays')) } },
        }
      : {
          host: await parameter('dbHost'),
          port: await parameter('dbPort'),
          ownerSecret: await parameter('dbSecretArn'), // empty: passwords come from the environment or rds_config.py
          key: await parameter('dbSecretKeyArn'),
          resources: {},
          Outputs: {},
        };
  const ifSecret = (value, otherwise) => (ownerSecret ? value : otherwise);
  const none = { Ref: 'AWS::NoValue' };
  return {
    host,
    port,
    ownerSecret,
    ownerSecretPolicy: ifSecret({ Ref: 'DatabaseSecretPolicy' }, none),
    // functionSecret, functionSecretPolicy, ...
    ...Object.fromEntries(
      FUNCTIONS.flatMap((each) => [
        [`${each.name}Secret`, ifSecret({ Ref: each.secret }, '')],
        [`${each.name}SecretPolicy`, ifSecret({ Ref: `${each.secret}Policy` }, none)],
      ])
    ),
    // Of the function schema: which slices bring migrations, in order; each function's role, and how its variables begin:
    // FUNCTION_SECRET_ARN, and FUNCTION_CONCURRENCY, from which the limit of connections follows, ...
    ofSchema: {
      DB_USER: await parameter('dbUser'),
      DB_SECRET_ARN: ownerSecret,
      SLICES: withSchema.join(','),
      ROLES: FUNCTIONS.map((each) => `${each.role}:${each.name.toUpperCase()}`).join(','),
      ...(await together(context, 'schemaEnvironment')),
      ...Object.fromEntries(
        (
          await Promise.all(
            FUNCTIONS.map(async (each) => [
              [`${each.name.toUpperCase()}_SECRET_ARN`, ifSecret({ Ref: each.secret }, '')],
              [`${each.name.toUpperCase()}_CONCURRENCY`, String(await executions(context, each))],
            ])
          )
        ).flat()
      ),
    },
    template: { Resources: { ...resources, ...ifSecret(secrets(ownerSecret, key), {}) }, Outputs },
  };
};
