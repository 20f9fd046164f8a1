// The cluster of Aurora's express configuration, which has the stack's name. CloudFormation cannot create it, so `ponto deploy` does.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { createClient, hasAccount, isDeploying, isPreviewing } = require('./aws.js');
const fail = require('./fail.js');

// China, GovCloud, UAE and Bahrain:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/CHAP_GettingStartedAurora.AuroraPostgreSQL.ExpressConfig.html
const REGIONS_WITHOUT_EXPRESS = /^(cn-.*|us-gov-.*|me-central-1|me-south-1)$/;

/** Return made-up values in AWS's format, for templates that are compiled without a look-up. */
const placeholder = (name, region) => ({
  host: `${name}.cluster-unknown.${region}.rds.amazonaws.com`,
  port: '5432',
  resourceId: 'cluster-UNKNOWN',
  backupDays: 1,
});

/** Return the connection of the cluster; null in a preview, if it does not exist yet. */
async function lookUp(context, name, region, stage) {
  const { RDSClient, DescribeDBClustersCommand } = require('@aws-sdk/client-rds');
  const rds = await createClient(context, RDSClient);
  const response = await rds.send(new DescribeDBClustersCommand({ DBClusterIdentifier: name })).catch((error) => {
    if (error.name !== 'DBClusterNotFoundFault') throw error;
    if (isPreviewing()) return null;
    return fail(
      `database: express needs the cluster ${name}, which does not exist in ${region}. To create it and deploy the stage, run:\n` +
        `make deploy STAGE=${stage} ARGS="--param database=express"\n` +
        "If the account's plan or a quota does not allow the deploy, the command changes nothing, and prints a command that works."
    );
  });
  if (!response) return null;
  const [{ Status, Endpoint, Port, DbClusterResourceId, BackupRetentionPeriod, IAMDatabaseAuthenticationEnabled }] = response.DBClusters;
  if (['creating', 'deleting'].includes(Status)) fail(`database: the cluster ${name} is ${Status}; deploy again afterwards.`);
  if (!IAMDatabaseAuthenticationEnabled) fail(`database: the cluster ${name} does not accept a login by IAM, so it is not an express cluster.`);
  return { host: Endpoint, port: String(Port), resourceId: DbClusterResourceId, backupDays: BackupRetentionPeriod };
}

/** Fail if a package was compiled without a look-up, or for an earlier cluster of this name: its functions would find no database. */
function checkPackage(folder, { resourceId }) {
  const template = readFileSync(join(folder, 'cloudformation-template-update-stack.json'), 'utf8');
  if (!template.includes(resourceId)) fail(`${folder} was packaged without its cluster: deploy without --package.`);
}

let clusterPromise; // so that all variables share one look-up

module.exports = async (context) => {
  const { options, resolveVariable } = context;
  const stage = await resolveVariable('sls:stage');
  const name = await resolveVariable('file(resources/derived.js):stackName');
  const region = await resolveVariable('self:provider.region');
  if (REGIONS_WITHOUT_EXPRESS.test(region)) fail(`database: ${region} has no express configuration; set database to create or existing.`);
  if (hasAccount()) clusterPromise ??= lookUp(context, name, region, stage);
  const connection = (await clusterPromise) ?? placeholder(name, region);
  if (isDeploying() && options.package) checkPackage(options.package, connection);
  return { ...connection, cluster: name };
};
