// The cluster of Aurora's express configuration, by the stack's name. CloudFormation cannot make one, so `ponto deploy` does.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { clientOf, isDeploying } = require('./aws.js');
const stop = require('./stop.js');

// China, GovCloud, UAE and Bahrain:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/CHAP_GettingStartedAurora.AuroraPostgreSQL.ExpressConfig.html
const REGIONS_WITHOUT_EXPRESS = /^(cn-.*|us-gov-.*|me-central-1|me-south-1)$/;

/** Return what a template has in place of a cluster that is not looked up; the shape is AWS's. */
const placeholder = (name, region) => ({
  host: `${name}.cluster-unknown.${region}.rds.amazonaws.com`,
  port: '5432',
  resourceId: 'cluster-UNKNOWN',
  backupDays: 1,
});

async function lookUp(context, name, region, stage) {
  const { RDSClient, DescribeDBClustersCommand } = require('@aws-sdk/client-rds');
  const rds = await clientOf(context, RDSClient);
  const { DBClusters } = await rds.send(new DescribeDBClustersCommand({ DBClusterIdentifier: name })).catch((error) => {
    if (error.name !== 'DBClusterNotFoundFault') throw error;
    return stop(
      `database: express takes the cluster ${name}, which ${region} has not. This makes it, and deploys the stage:\n` +
        `make deploy STAGE=${stage} ARGS="--param database=express"\n` +
        "Where the account's plan or a quota gives less than the stage asks for, it stops first, with the line that deploys."
    );
  });
  const [{ Status, Endpoint, Port, DbClusterResourceId, BackupRetentionPeriod, IAMDatabaseAuthenticationEnabled }] = DBClusters;
  if (['creating', 'deleting'].includes(Status)) stop(`database: the cluster ${name} is ${Status}; deploy again when that has ended.`);
  if (!IAMDatabaseAuthenticationEnabled) stop(`database: the cluster ${name} takes no login by IAM, so it is no express one.`);
  return { host: Endpoint, port: String(Port), resourceId: DbClusterResourceId, backupDays: BackupRetentionPeriod };
}

/** Stop with a package that was made without a look-up, or for an earlier cluster of this name: it would find no database. */
function checkPackage(folder, { resourceId }) {
  const template = readFileSync(join(folder, 'cloudformation-template-update-stack.json'), 'utf8');
  if (!template.includes(resourceId)) stop(`${folder} was packaged without its cluster: deploy without --package.`);
}

let described; // one look-up for all variables that need it

module.exports = async (context) => {
  const { options, resolveVariable } = context;
  const stage = await resolveVariable('sls:stage');
  const name = await resolveVariable('file(resources/derived.js):stackName');
  const region = await resolveVariable('self:provider.region');
  if (REGIONS_WITHOUT_EXPRESS.test(region)) stop(`database: ${region} has no express configuration; set database to create or existing.`);
  if (!isDeploying()) return { ...placeholder(name, region), cluster: name };
  described ??= lookUp(context, name, region, stage);
  if (options.package) checkPackage(options.package, await described);
  return { ...(await described), cluster: name };
};
