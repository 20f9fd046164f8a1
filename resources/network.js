// Where the functions and the database live: named, given by id, made here (network.yml), or nowhere (no VPC).
//
// A look-up needs an AWS account, so it happens only where a name is configured.

const { clientOf } = require('./aws.js');
const stop = require('./stop.js');
const values = require('./values.js');

const nameOf = (resource, field) => resource[field] ?? resource.Tags?.find(({ Key }) => Key === 'Name')?.Value;

/** Return the ids of `names`; a name that does not exist, or exists twice, stops the deploy with those that do. */
function pick(kind, names, resources, nameField, idField) {
  return names.map((name) => {
    const found = resources.filter((resource) => nameOf(resource, nameField) === name);
    if (found.length === 1) return found[0][idField];
    const existing = resources.map((resource) => nameOf(resource, nameField)).filter(Boolean).sort();
    return stop(
      `${kind} '${name}': ${found.length ? `${found.length} have this name; give its id instead` : 'does not exist'}. ` +
        `Existing: ${existing.join(', ') || 'none'}.`
    );
  });
}

async function collect(pages, key) {
  const found = [];
  for await (const page of pages) found.push(...(page[key] ?? []));
  return found;
}

async function lookUp(context, { vpcName, subnetNames, securityGroupNames }) {
  const { EC2Client, paginateDescribeVpcs, paginateDescribeSubnets, paginateDescribeSecurityGroups } = require('@aws-sdk/client-ec2');
  if (!vpcName) stop('subnetNames or securityGroupNames are given without vpcName: name the VPC too.');
  const ec2 = { client: await clientOf(context, EC2Client) };
  const [vpcId] = pick('VPC', [vpcName], await collect(paginateDescribeVpcs(ec2, {}), 'Vpcs'), 'Name', 'VpcId');
  const inVpc = { Filters: [{ Name: 'vpc-id', Values: [vpcId] }] };
  const subnets = await collect(paginateDescribeSubnets(ec2, inVpc), 'Subnets');
  const groups = await collect(paginateDescribeSecurityGroups(ec2, inVpc), 'SecurityGroups');
  return {
    vpcId,
    subnetIds: pick(`Subnet of ${vpcName}`, subnetNames, subnets, 'Name', 'SubnetId'),
    securityGroupIds: pick(`Security group of ${vpcName}`, securityGroupNames, groups, 'GroupName', 'GroupId'),
  };
}

module.exports = async (context) => {
  const { resolveVariable } = context;
  const ids = await values(context, 'vpcId', 'subnetIds', 'securityGroupIds');
  const names = await values(context, 'vpcName', 'subnetNames', 'securityGroupNames');
  const given = Object.entries({ ...ids, ...names }).filter(([, value]) => value.length).map(([name]) => name);
  const { database } = await values(context, 'database');
  const creates = database === 'create';
  if (database === 'express' && given.length) {
    stop(`${given[0]}: database: express makes a cluster without a VPC; leave ${given[0]} out.`);
  }

  const { own, ofFunctions } = await resolveVariable('file(resources/network.yml)');
  let network;
  let resources = {};
  if (given.some((name) => name in ids)) network = ids;
  else if (given.length) network = await lookUp(context, names);
  else if (creates) {
    const { SecretsManagerEndpoint, ...others } = own;
    const hasSecrets = (await resolveVariable('file(resources/derived.js):login')) === 'secret';
    resources = { ...others, ...(hasSecrets && { SecretsManagerEndpoint }) };
    network = {
      vpcId: { Ref: 'Vpc' },
      subnetIds: [{ Ref: 'SubnetA' }, { Ref: 'SubnetB' }],
      securityGroupIds: [{ Ref: 'FunctionSecurityGroup' }],
    };
  }
  if (!network) return { policy: { Ref: 'AWS::NoValue' }, template: {} };

  const incomplete = [
    !network.subnetIds.length && 'subnets',
    !network.securityGroupIds.length && 'security groups',
    creates && !network.vpcId && 'vpcId',
    creates && network.subnetIds.length < 2 && 'a second subnet in another zone (Aurora needs two)',
  ].filter(Boolean);
  if (incomplete.length) stop(`The network lacks: ${incomplete.join(', ')}.`);

  const { subnetIds, securityGroupIds } = network;
  return {
    vpc: { subnetIds, securityGroupIds },
    network,
    policy: { Ref: 'NetworkInterfacesPolicy' },
    databaseIngress: securityGroupIds.map((group) => ({
      IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432, Description: 'The functions', SourceSecurityGroupId: group,
    })),
    template: { Resources: { ...resources, ...ofFunctions } },
  };
};
