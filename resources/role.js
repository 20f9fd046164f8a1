/**
 * The role of a function, by the beginning of its logical ids: it writes its own log, and has what else is said.
 * Network and traces are policies of their own, for they are not on every stage.
 */
module.exports = async ({ resolveVariable }, id, { policies = [], statements = [], isInNetwork = true }) => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    PermissionsBoundary: await resolveVariable('file(resources/derived.js):permissionsBoundary'),
    AssumeRolePolicyDocument: {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    },
    ManagedPolicyArns: [
      ...policies,
      ...(isInNetwork ? [await resolveVariable('file(resources/network.js):policy')] : []),
      await resolveVariable('file(resources/observability.js):tracingPolicy'),
    ],
    Policies: [
      {
        PolicyName: 'own',
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            ...statements,
            {
              Effect: 'Allow',
              Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
              Resource: { 'Fn::GetAtt': [`${id}LogGroup`, 'Arn'] },
            },
          ],
        },
      },
    ],
  },
});
