// The database and its login: a new Aurora cluster (cluster.yml), a cluster of Aurora's express configuration, which `ponto deploy`
// creates, or an existing database.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const readRoles = require('./database-roles.js');
const derived = require('./derived.js');
const checkDatabaseChange = require('./lib/check-database-change.js');
const express = require('./lib/express-cluster.js');
const FUNCTIONS = require('./functions.js');
const { passwordLogin, iamLogin } = require('./login.js');
const { slicesWithMigrations } = require('./slices.js');
const fail = require('./lib/fail.js');
const resolveParameters = require('./lib/resolve-parameters.js');

const CERTIFICATES = 'ponto/certificates/rds.pem';
const PUBLIC_CERTIFICATES = 'ponto/certificates/amazon.pem'; // for the internet access gateway of an express cluster

const PARAMETER_NAMES = [
  'database', 'dbHost', 'dbPort', 'dbUser', 'dbSslMode', 'dbSslRootCert', 'dbSecretArn', 'dbResourceId', 'backupDays', 'rolePrefix',
];

// AWS refuses a cluster with the Data API in these regions:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.Aurora_Fea_Regions_DB-eng.Feature.Data_API.html
const REGIONS_WITHOUT_DATA_API = ['ap-south-2', 'ap-southeast-4', 'ap-southeast-6']; // Hyderabad, Melbourne, New Zealand

/** Return whether the packaged certificates include those of a region: regions may be newer than the package. */
function hasCertificates(region) {
  const certificates = readFileSync(join(__dirname, '..', CERTIFICATES), 'utf8').split('-----BEGIN CERTIFICATE-----');
  return certificates.some((text) => Buffer.from(text, 'base64').includes(`Amazon RDS ${region} Root CA`)); // its subject
}

/** Fail on combinations of parameters that would otherwise fail only during or after the deploy. */
function check({ database, login, parameters, dataApi, region }) {
  if (database === 'express' && login !== 'iam') fail(`dbLogin: '${login}' does not work with database: express, which accepts iam only; leave dbLogin out.`);
  if (login === 'iam') checkIamLogin({ database, parameters, dataApi });
  else if (parameters.dbResourceId) fail('dbResourceId is for dbLogin: iam only; leave it out, or set dbLogin to iam.');
  if (database === 'create' && !parameters.dbSslRootCert && !hasCertificates(region)) {
    fail(
      `${CERTIFICATES} has no certificates for ${region}. Save https://truststore.pki.rds.amazonaws.com/${region}/${region}-bundle.pem ` +
        `in ponto/certificates, and set dbSslRootCert to 'ponto/certificates/${region}-bundle.pem'.`
    );
  }
  if (database === 'create' && dataApi && REGIONS_WITHOUT_DATA_API.includes(region)) {
    fail(`${region} has no Data API: set dataApi to false, and reach the database through a tunnel (docs/operations.md).`);
  }
}

/** Fail on parameters that do not work with IAM tokens, and on missing parameters that tokens need. */
function checkIamLogin({ database, parameters, dataApi }) {
  if (dataApi) fail('dataApi: the Data API needs a password, and dbLogin: iam has none; leave dataApi out.');
  if (parameters.dbSecretArn) fail('dbSecretArn: dbLogin: iam uses no secret; leave dbSecretArn out, or set dbLogin to secret.');
  if (parameters.dbSslMode === 'disable') fail('dbSslMode: a login by IAM needs TLS; leave dbSslMode out.');
  if (database !== 'existing') {
    if (parameters.dbResourceId) fail(`dbResourceId is for database: existing only; with database: ${database} leave it out.`);
  } else if (!/^(cluster|prx|db)-\w+$/.test(parameters.dbResourceId)) {
    fail(
      `dbResourceId: '${parameters.dbResourceId}' is not a resource id, like cluster-ABCDEFGHIJKL01234, which dbLogin: iam needs. ` +
        'aws rds describe-db-clusters prints it as DbClusterResourceId.'
    );
  }
}

/** Return the connection and resources of a cluster that the stack creates. */
async function stackCluster(context, { login, parameters }) {
  const { Resources, login: logins } = await context.resolveVariable('file(resources/cluster.yml)');
  const { Metadata, Properties } = logins[login];
  const { DatabaseCluster: common, ...others } = Resources;
  const DatabaseCluster = { ...common, ...(Metadata && { Metadata }), Properties: { ...common.Properties, ...Properties } };
  const attribute = (name) => ({ 'Fn::GetAtt': ['DatabaseCluster', name] });
  return {
    host: attribute('Endpoint.Address'),
    port: attribute('Endpoint.Port'),
    cluster: { Ref: 'DatabaseCluster' },
    resourceId: '${DatabaseCluster.DBClusterResourceId}',
    ownerSecret: attribute('MasterUserSecret.SecretArn'),
    backupDays: parameters.backupDays,
    resources: { DatabaseCluster, ...others },
  };
}

const existingDatabase = (_, { parameters }) => ({
  host: parameters.dbHost,
  port: String(parameters.dbPort),
  resourceId: parameters.dbResourceId,
  ownerSecret: parameters.dbSecretArn,
});

/** Return the environment of the function `schema`: slices with migrations, in order; each function's role, secret and concurrency. */
async function schemaEnvironment(context, { database, dbUser, rolePrefix }, roles, secrets) {
  const variables = {
    DB_USER: dbUser,
    DB_SECRET_ARN: secrets.schema ?? null,
    DB_CREATED_FROM: database === 'express' ? 'postgres' : null, // the database that AWS created; `schema` connects to it to create DB_NAME
    SLICES: slicesWithMigrations.join(','),
    ROLE_PREFIX: rolePrefix,
    ROLES: Object.entries(roles).map(([name, role]) => `${role}:${name.toUpperCase()}`).join(','), // role, and prefix of the function's variables
  };
  for (const lambda of FUNCTIONS) {
    variables[`${lambda.name.toUpperCase()}_SECRET_ARN`] = secrets[lambda.name] ?? null;
    variables[`${lambda.name.toUpperCase()}_CONCURRENCY`] = String(await derived.functionConcurrency(context, lambda));
  }
  return variables;
}

module.exports = async (context) => {
  const { resolveVariable } = context;
  const parameters = await resolveParameters(context, ...PARAMETER_NAMES);
  const { database, dbUser: owner, dbSslRootCert } = parameters;
  const login = await derived.login(context);
  check({ database, login, parameters, dataApi: await derived.dataApi(context), region: await resolveVariable('self:provider.region') });
  await checkDatabaseChange(context, { database, login });

  const connection = await { create: stackCluster, existing: existingDatabase, express }[database](context, { login, parameters });
  const roles = await readRoles(context);
  const { secrets, permissions, resources } = login === 'iam' ? iamLogin({ ...connection, owner, roles }) : passwordLogin({ ...connection, roles });
  return {
    host: connection.host,
    port: connection.port,
    cluster: connection.cluster,
    sslRootCert: dbSslRootCert || (database === 'express' ? PUBLIC_CERTIFICATES : ''),
    permissions,
    ...Object.fromEntries(FUNCTIONS.map(({ name }) => [`${name}Secret`, secrets[name]])), // drainSecret, ...
    schemaEnvironment: await schemaEnvironment(context, parameters, roles, secrets),
    template: {
      ...(database === 'express' && { Metadata: await resolveVariable('file(resources/cluster.yml):express') }),
      Resources: { ...connection.resources, ...resources },
      Outputs: {
        Database: { Value: database },
        DatabaseLogin: { Value: login },
        ...(connection.backupDays && { BackupDays: { Value: String(connection.backupDays) } }),
      },
    },
  };
};
