// Where the functions and the database live: named, given by id, made here, or nowhere (no VPC).
//
// A look-up needs an AWS account, so it happens only where a name is configured.

const stop = require('./stop.js');

const split = (list) =>
  String(list || '')
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);

const nameOf = (resource, field) => resource[field] ?? resource.Tags?.find(({ Key }) => Key === 'Name')?.Value;

/** The ids of `names`; a name that does not exist, or exists twice, stops the deploy with those that do. */
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

async function all(client, Command, input, key) {
  const found = [];
  let NextToken;
  do {
    const page = await client.send(new Command({ ...input, NextToken }));
    found.push(...(page[key] ?? []));
    ({ NextToken } = page);
  } while (NextToken);
  return found;
}

async function lookUp({ region, vpcName, subnetNames, securityGroupNames }) {
  const {
    EC2Client, DescribeVpcsCommand, DescribeSubnetsCommand, DescribeSecurityGroupsCommand,
  } = require('@aws-sdk/client-ec2');
  if (!vpcName) stop('subnetNames or securityGroupNames are given without vpcName: name the VPC too.');
  const ec2 = new EC2Client({ region });
  const [vpcId] = pick('VPC', [vpcName], await all(ec2, DescribeVpcsCommand, {}, 'Vpcs'), 'Name', 'VpcId');
  const inVpc = { Filters: [{ Name: 'vpc-id', Values: [vpcId] }] };
  const subnets = await all(ec2, DescribeSubnetsCommand, inVpc, 'Subnets');
  const groups = await all(ec2, DescribeSecurityGroupsCommand, inVpc, 'SecurityGroups');
  return {
    vpcId,
    subnetIds: pick(`Subnet of ${vpcName}`, subnetNames, subnets, 'Name', 'SubnetId'),
    securityGroupIds: pick(`Security group of ${vpcName}`, securityGroupNames, groups, 'GroupName', 'GroupId'),
  };
}

// A group without a rule may reach everything; an address that is nowhere leaves it nothing. Answers need no rule.
const nothingOut = [{ IpProtocol: '-1', CidrIp: '127.0.0.1/32', Description: 'Nothing' }];

/** Two private subnets, no way out but the endpoints that the functions need. */
function privateNetwork({ deletion, replacement }) {
  const kept = { DeletionPolicy: deletion, UpdateReplacePolicy: replacement }; // a cluster that stays needs them
  const tcp = (port, Description, peer) => ({ IpProtocol: 'tcp', FromPort: port, ToPort: port, Description, ...peer });
  const withinVpc = { CidrIp: '10.0.0.0/16' };
  const subnet = (index) => ({
    Type: 'AWS::EC2::Subnet',
    ...kept,
    Properties: {
      VpcId: { Ref: 'Vpc' },
      AvailabilityZone: { 'Fn::Select': [index, { 'Fn::GetAZs': '' }] },
      CidrBlock: `10.0.${index}.0/24`,
    },
  });
  const allow = (Action, Resource) => ({ Effect: 'Allow', Principal: '*', Action, Resource });
  const arn = (name, attribute = 'Arn') => ({ 'Fn::GetAtt': [name, attribute] });
  // Through it only these actions, whatever else the caller may do, and whoever's credentials it has.
  const endpoint = (service, ...Statement) => ({
    Type: 'AWS::EC2::VPCEndpoint',
    Properties: {
      VpcId: { Ref: 'Vpc' },
      VpcEndpointType: 'Interface',
      ServiceName: { 'Fn::Sub': `com.amazonaws.\${AWS::Region}.${service}` },
      PrivateDnsEnabled: true,
      SubnetIds: [{ Ref: 'SubnetA' }, { Ref: 'SubnetB' }],
      SecurityGroupIds: [{ Ref: 'EndpointSecurityGroup' }],
      PolicyDocument: { Version: '2012-10-17', Statement },
    },
  });
  return {
    Vpc: {
      Type: 'AWS::EC2::VPC',
      ...kept,
      Properties: { CidrBlock: '10.0.0.0/16', EnableDnsSupport: true, EnableDnsHostnames: true },
    },
    SubnetA: subnet(0),
    SubnetB: subnet(1),
    FunctionSecurityGroup: {
      Type: 'AWS::EC2::SecurityGroup',
      ...kept, // the database's group names it
      Properties: {
        GroupDescription: 'The functions: out to PostgreSQL and to the endpoints, nothing in',
        VpcId: { Ref: 'Vpc' },
        SecurityGroupEgress: [tcp(5432, 'PostgreSQL', withinVpc), tcp(443, 'SQS and Secrets Manager', withinVpc)],
      },
    },
    EndpointSecurityGroup: {
      Type: 'AWS::EC2::SecurityGroup',
      Properties: {
        GroupDescription: 'Endpoints of SQS and Secrets Manager: from the functions only',
        VpcId: { Ref: 'Vpc' },
        SecurityGroupIngress: [tcp(443, 'The functions', { SourceSecurityGroupId: { Ref: 'FunctionSecurityGroup' } })],
        SecurityGroupEgress: nothingOut,
      },
    },
    SqsEndpoint: endpoint(
      'sqs',
      allow('sqs:SendMessage', arn('DeadLetterQueue')),
      allow('sqs:ChangeMessageVisibility', arn('PunchQueue')) // of what comes back sooner
    ),
    SecretsManagerEndpoint: endpoint(
      'secretsmanager',
      allow('secretsmanager:GetSecretValue', [
        arn('DatabaseCluster', 'MasterUserSecret.SecretArn'), { Ref: 'FunctionSecret' }, { Ref: 'ReceiptSecret' },
      ])
    ),
  };
}

// Network interfaces do not exist yet when they are asked for, so AWS takes these actions on * only:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
const interfacesPolicy = {
  Type: 'AWS::IAM::ManagedPolicy', // a role that names it exists after it, and so does the function
  Properties: {
    Description: 'Network interfaces of functions in a VPC',
    PolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: [
            'ec2:CreateNetworkInterface',
            'ec2:DescribeNetworkInterfaces',
            'ec2:DescribeSubnets',
            'ec2:DeleteNetworkInterface',
            'ec2:AssignPrivateIpAddresses',
            'ec2:UnassignPrivateIpAddresses',
          ],
          Resource: '*',
        },
      ],
    },
  },
};

module.exports = async ({ resolveVariable }) => {
  const parameter = (name) => resolveVariable(`param:${name}`);
  const ids = {
    vpcId: (await parameter('vpcId')) || undefined,
    subnetIds: split(await parameter('subnetIds')),
    securityGroupIds: split(await parameter('securityGroupIds')),
  };
  const names = {
    vpcName: await parameter('vpcName'),
    subnetNames: split(await parameter('subnetNames')),
    securityGroupNames: split(await parameter('securityGroupNames')),
  };
  const creates = (await parameter('database')) === 'create';

  let network;
  let resources = {};
  if (ids.vpcId || ids.subnetIds.length || ids.securityGroupIds.length) network = ids;
  else if (names.vpcName || names.subnetNames.length || names.securityGroupNames.length) {
    network = await lookUp({ ...names, region: await resolveVariable('self:provider.region') });
  } else if (creates) {
    const derived = (name) => resolveVariable(`file(resources/derived.js):${name}`);
    resources = privateNetwork({ deletion: await derived('deletion'), replacement: await derived('replacement') });
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
    nothingOut,
    databaseIngress: securityGroupIds.map((group) => ({
      IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432, Description: 'The functions', SourceSecurityGroupId: group,
    })),
    template: { Resources: { ...resources, NetworkInterfacesPolicy: interfacesPolicy } },
  };
};
