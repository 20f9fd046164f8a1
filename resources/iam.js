// IAM statements, managed policies, and the roles of functions.

const allow = (Action, Resource) => ({ Effect: 'Allow', Action, Resource });

const document = (Statement) => ({ Version: '2012-10-17', Statement });

const policy = (Description, ...statements) => ({
  Type: 'AWS::IAM::ManagedPolicy',
  Properties: { Description, PolicyDocument: document(statements) },
});

/**
 * Return the role of the function with the given prefix of logical ids: it may write the function's log, and has the given
 * statements and policies. Network interfaces and traces have separate policies, because not every stage needs them.
 */
const role = async ({ resolveVariable }, id, { policies = [], statements = [], isInNetwork = true }) => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    PermissionsBoundary: await resolveVariable('file(resources/derived.js):permissionsBoundary'),
    AssumeRolePolicyDocument: document([{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }]),
    ManagedPolicyArns: [
      ...policies,
      ...(isInNetwork ? [await resolveVariable('file(resources/network.js):policy')] : []),
      await resolveVariable('file(resources/observability.js):tracingPolicy'),
    ],
    Policies: [
      {
        PolicyName: 'own',
        PolicyDocument: document([
          ...statements,
          allow(['logs:CreateLogStream', 'logs:PutLogEvents'], { 'Fn::GetAtt': [`${id}LogGroup`, 'Arn'] }),
        ]),
      },
    ],
  },
});

module.exports = { allow, policy, role };
