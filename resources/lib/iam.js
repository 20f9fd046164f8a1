// IAM statements, and the roles of functions.

const allow = (Action, Resource) => ({ Effect: 'Allow', Action, Resource });

const document = (Statement) => ({ Version: '2012-10-17', Statement });

// The ARNs of the network interfaces are not known in advance.
const NETWORK_METADATA = { checkov: { skip: [{ id: 'CKV_AWS_111', comment: 'the ARNs of the network interfaces are not known in advance' }] } };

/**
 * Return the role of the function with the given prefix of logical ids: it may write the function's log and its traces, manage the
 * network interfaces of a function in a VPC, and has the given statements. All are in the role itself: a role takes at most ten managed
 * policies, and CloudFormation creates the function, which refers to the role, after them.
 */
const role = async ({ resolveVariable }, id, { statements = [], isInNetwork = true }) => {
  const interfaces = isInNetwork ? await resolveVariable('file(resources/network.js):statements') : [];
  const own = [
    ...statements,
    allow(['logs:CreateLogStream', 'logs:PutLogEvents'], { 'Fn::GetAtt': [`${id}LogGroup`, 'Arn'] }),
    ...interfaces,
    ...(await resolveVariable('file(resources/observability.js):tracingStatements')),
  ];
  return {
    Type: 'AWS::IAM::Role',
    ...(interfaces.length && { Metadata: NETWORK_METADATA }),
    Properties: {
      PermissionsBoundary: await resolveVariable('file(resources/derived.js):permissionsBoundary'),
      AssumeRolePolicyDocument: document([{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }]),
      Policies: [{ PolicyName: 'own', PolicyDocument: document(own) }],
    },
  };
};

module.exports = { allow, document, role };
