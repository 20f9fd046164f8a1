// The VPC of the functions and the database: looked up by name, configured by id, created (network.yml), or none.
//
// A look-up needs an AWS account, so it happens only if a name is configured.

const { createClient } = require('./lib/aws.js');
const fail = require('./lib/fail.js');
const resolveParameters = require('./lib/resolve-parameters.js');

const getName = (resource, field) => resource[field] ?? resource.Tags?.find(({ Key }) => Key === 'Name')?.Value;

/** Return the ids of `names`. Fails if a name is missing or ambiguous, and lists the existing names. */
function findIds(kind, names, resources, nameField, idField) {
  return names.map((name) => {
    const matches = resources.filter((resource) => getName(resource, nameField) === name);
    if (matches.length === 1) return matches[0][idField];
    const existing = resources.map((resource) => getName(resource, nameField)).filter(Boolean).sort();
    return fail(
      `${kind} '${name}': ${matches.length ? `${matches.length} resources have this name; configure an id instead` : 'does not exist'}. ` +
        `Existing: ${existing.join(', ') || 'none'}.`
    );
  });
}

async function collectPages(pages, key) {
  const items = [];
  for await (const page of pages) items.push(...(page[key] ?? []));
  return items;
}

async function lookUp(context, { vpcName, subnetNames, securityGroupNames }) {
  const { EC2Client, paginateDescribeVpcs, paginateDescribeSubnets, paginateDescribeSecurityGroups } = require('@aws-sdk/client-ec2');
  if (!vpcName) fail('subnetNames or securityGroupNames are set without vpcName: set vpcName too.');
  const ec2 = { client: await createClient(context, EC2Client) };
  const [vpcId] = findIds('VPC', [vpcName], await collectPages(paginateDescribeVpcs(ec2, {}), 'Vpcs'), 'Name', 'VpcId');
  const vpcFilter = { Filters: [{ Name: 'vpc-id', Values: [vpcId] }] };
  const subnets = await collectPages(paginateDescribeSubnets(ec2, vpcFilter), 'Subnets');
  const groups = await collectPages(paginateDescribeSecurityGroups(ec2, vpcFilter), 'SecurityGroups');
  return {
    vpcId,
    subnetIds: findIds(`Subnet of ${vpcName}`, subnetNames, subnets, 'Name', 'SubnetId'),
    securityGroupIds: findIds(`Security group of ${vpcName}`, securityGroupNames, groups, 'GroupName', 'GroupId'),
  };
}

module.exports = async (context) => {
  const { resolveVariable } = context;
  const ids = await resolveParameters(context, 'vpcId', 'subnetIds', 'securityGroupIds');
  const names = await resolveParameters(context, 'vpcName', 'subnetNames', 'securityGroupNames');
  const configured = Object.entries({ ...ids, ...names }).filter(([, value]) => value.length).map(([name]) => name);
  const { database } = await resolveParameters(context, 'database');
  const createsCluster = database === 'create';
  if (database === 'express' && configured.length) {
    fail(`${configured[0]}: the cluster of database: express has no VPC; leave ${configured[0]} out.`);
  }

  const { networkResources, statements } = await resolveVariable('file(resources/network.yml)');
  let network;
  let resources = {};
  if (configured.some((name) => name in ids)) network = ids;
  else if (configured.length) network = await lookUp(context, names);
  else if (createsCluster) {
    const { SecretsManagerEndpoint, ...others } = networkResources;
    const hasSecrets = (await resolveVariable('file(resources/derived.js):login')) === 'secret';
    resources = { ...others, ...(hasSecrets && { SecretsManagerEndpoint }) };
    network = {
      vpcId: { Ref: 'Vpc' },
      subnetIds: [{ Ref: 'SubnetA' }, { Ref: 'SubnetB' }],
      securityGroupIds: [{ Ref: 'FunctionSecurityGroup' }],
    };
  }
  if (!network) return { statements: [], template: {} };

  const incomplete = [
    !network.subnetIds.length && 'subnets',
    !network.securityGroupIds.length && 'security groups',
    createsCluster && !network.vpcId && 'vpcId',
    createsCluster && network.subnetIds.length < 2 && 'a second subnet in another zone (Aurora needs two)',
  ].filter(Boolean);
  if (incomplete.length) fail(`The network lacks: ${incomplete.join(', ')}.`);

  const { subnetIds, securityGroupIds } = network;
  return {
    vpc: { subnetIds, securityGroupIds },
    network,
    statements,
    databaseIngress: securityGroupIds.map((group) => ({
      IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432, Description: 'The functions', SourceSecurityGroupId: group,
    })),
    template: { Resources: resources },
  };
};
