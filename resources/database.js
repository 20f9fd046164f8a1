// Where the database is and who signs in: an Aurora cluster made here (cluster.yml), one of Aurora's express configuration,
// which `ponto deploy` makes, or a database of yours.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const derived = require('./derived.js');
const checkDeployed = require('./deployed.js');
const express = require('./express-cluster.js');
const FUNCTIONS = require('./functions.js');
const { byPasswords, byTokens } = require('./login.js');
const { withSchema } = require('./slices.js');
const stop = require('./stop.js');
const values = require('./values.js');

const CERTIFICATES = 'ponto/certificates/rds.pem';
const PUBLIC_CERTIFICATES = 'ponto/certificates/amazon.pem'; // of an express cluster's internet access gateway

const PARAMETERS = [
  'database', 'dbHost', 'dbPort', 'dbUser', 'dbSslMode', 'dbSslRootCert', 'dbSecretArn', 'dbSecretKeyArn', 'dbResourceId', 'backupDays',
];

// Where the Data API cannot be had, and a cluster that asks for it is refused:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.Aurora_Fea_Regions_DB-eng.Feature.Data_API.html
const REGIONS_WITHOUT_DATA_API = ['ap-south-2', 'ap-southeast-4', 'ap-southeast-6']; // Hyderabad, Melbourne, New Zealand

/** Return whether the packaged certificates are also those of a region's clusters: new regions come later than the package. */
function hasCertificates(region) {
  const found = readFileSync(join(__dirname, '..', CERTIFICATES), 'utf8').split('-----BEGIN CERTIFICATE-----');
  return found.some((each) => Buffer.from(each, 'base64').includes(`Amazon RDS ${region} Root CA`)); // its subject
}

/** Stop with what would fail only after the deploy, and what to do. */
function check({ database, login, given, dataApi, region }) {
  if (database === 'express' && login !== 'iam') stop(`dbLogin: '${login}': an express cluster takes iam only; leave dbLogin out.`);
  if (login === 'iam') checkTokens({ database, given, dataApi });
  else if (given.dbResourceId) stop('dbResourceId is for dbLogin: iam only; leave it out, or set dbLogin to iam.');
  if (database === 'create' && !given.dbSslRootCert && !hasCertificates(region)) {
    stop(
      `${CERTIFICATES} has none of ${region}. Save https://truststore.pki.rds.amazonaws.com/${region}/${region}-bundle.pem ` +
        `in ponto/certificates, and set dbSslRootCert to 'ponto/certificates/${region}-bundle.pem'.`
    );
  }
  if (database === 'create' && dataApi && REGIONS_WITHOUT_DATA_API.includes(region)) {
    stop(`${region} has no Data API: set dataApi to false, and reach the database through a tunnel (docs/operations.md).`);
  }
}

/** Stop with what a login by tokens excludes or needs. */
function checkTokens({ database, given, dataApi }) {
  if (dataApi) stop('dataApi: the Data API signs in by a password, which dbLogin: iam has not; leave dataApi out.');
  const unused = ['dbSecretArn', 'dbSecretKeyArn'].find((name) => given[name]);
  if (unused) stop(`${unused}: with dbLogin: iam no secret is read; leave it out, or set dbLogin to secret.`);
  if (given.dbSslMode === 'disable') stop('dbSslMode: AWS takes a token over TLS only; leave dbSslMode out.');
  if (database !== 'existing') {
    if (given.dbResourceId) stop(`dbResourceId is of an existing database: with database: ${database} leave it out.`);
  } else if (!/^(cluster|prx|db)-\w+$/.test(given.dbResourceId)) {
    stop(
      `dbResourceId: '${given.dbResourceId}' is not a cluster's resource id, like cluster-ABCDEFGHIJKL01234, which dbLogin: iam ` +
        'asks for. aws rds describe-db-clusters names it DbClusterResourceId.'
    );
  }
}

/** Return the cluster that the stack creates. */
async function created(context, { login, given }) {
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
    backupDays: given.backupDays,
    resources: { DatabaseCluster, ...others },
  };
}

const existing = (_, { given }) => ({
  host: given.dbHost,
  port: String(given.dbPort),
  resourceId: given.dbResourceId,
  ownerSecret: given.dbSecretArn,
  key: given.dbSecretKeyArn,
});

/** Return the environment of the function `schema`: slices with migrations, in order; each function's role, secret and executions. */
async function ofSchema(context, database, owner, secrets) {
  const variables = {
    DB_USER: owner,
    DB_SECRET_ARN: secrets.schema ?? null,
    DB_CREATED_FROM: database === 'express' ? 'postgres' : null, // the one that AWS made, to make DB_NAME from
    SLICES: withSchema.join(','),
    ROLES: FUNCTIONS.map((each) => `${each.role}:${each.name.toUpperCase()}`).join(','), // and how its variables begin:
  };
  for (const each of FUNCTIONS) {
    variables[`${each.name.toUpperCase()}_SECRET_ARN`] = secrets[each.name] ?? null;
    variables[`${each.name.toUpperCase()}_CONCURRENCY`] = String(await derived.executions(context, each)); // connections at most
  }
  return variables;
}

module.exports = async (context) => {
  const { resolveVariable } = context;
  const given = await values(context, ...PARAMETERS);
  const { database, dbUser: owner, dbSslRootCert } = given;
  const login = await derived.login(context);
  check({ database, login, given, dataApi: await derived.dataApi(context), region: await resolveVariable('self:provider.region') });
  await checkDeployed(context, { database, login });

  const found = await { create: created, existing, express }[database](context, { login, given });
  const { secrets, rights, resources } = login === 'iam' ? byTokens({ ...found, owner }) : byPasswords(found);
  return {
    host: found.host,
    port: found.port,
    cluster: found.cluster,
    sslRootCert: dbSslRootCert || (database === 'express' ? PUBLIC_CERTIFICATES : ''),
    rights,
    ...Object.fromEntries(FUNCTIONS.map(({ name }) => [`${name}Secret`, secrets[name]])), // functionSecret, ...
    ofSchema: await ofSchema(context, database, owner, secrets),
    template: {
      ...(database === 'express' && { Metadata: await resolveVariable('file(resources/cluster.yml):express') }),
      Resources: { ...found.resources, ...resources },
      Outputs: {
        Database: { Value: database },
        DatabaseLogin: { Value: login },
        ...(found.backupDays && { BackupDays: { Value: String(found.backupDays) } }),
      },
    },
  };
};
