// What `ponto deploy` makes of an express cluster (tools/deploy/express.py), which CloudFormation has no property for: it reads
// this in the compiled template. In RDS' own words.
module.exports = async ({ resolveVariable }) => {
  if ((await resolveVariable('param:database')) !== 'express') return {};
  const parameter = (name) => resolveVariable(`file(resources/parameters.js):${name}`);
  return {
    Metadata: {
      ExpressCluster: {
        MasterUsername: await resolveVariable('param:dbUser'),
        ServerlessV2ScalingConfiguration: {
          MinCapacity: 0,
          MaxCapacity: await parameter('maximumAcu'),
          SecondsUntilAutoPause: await parameter('secondsUntilAutoPause'),
        },
        LeaveDatabase: await parameter('leaveDatabase'),
        DeletionProtection: await parameter('deletionProtection'),
        BackupRetentionPeriod: await parameter('backupDays'),
        WhenDeleted: await resolveVariable('file(resources/derived.js):replacement'),
        Tags: await resolveVariable('file(resources/derived.js):tags'),
        // The same settings as those of a cluster that the stack makes.
        Parameters: await resolveVariable('file(resources/cluster.yml):Resources.DatabaseParameters.Properties.Parameters'),
      },
    },
  };
};
