// The right to read the owner's secret of an existing database, and a secret of the function's, where one is named.
module.exports = async ({ resolveVariable }) => {
  const arn = await resolveVariable('param:dbSecretArn');
  const none = { Ref: 'AWS::NoValue' };
  if (!arn) return { secretPolicy: none, functionSecretArn: '', functionSecretPolicy: none, template: {} };
  const key = await resolveVariable('param:dbSecretKeyArn');
  const allow = (Action, Resource) => ({ Effect: 'Allow', Action, Resource });
  return {
    secretPolicy: { Ref: 'DatabaseSecretPolicy' },
    functionSecretArn: { Ref: 'FunctionSecret' },
    functionSecretPolicy: { Ref: 'FunctionSecretPolicy' },
    template: {
      Resources: {
        DatabaseSecretPolicy: {
          Type: 'AWS::IAM::ManagedPolicy',
          Properties: {
            Description: "The password of the database's owner",
            PolicyDocument: {
              Version: '2012-10-17',
              Statement: [allow('secretsmanager:GetSecretValue', arn), ...(key ? [allow('kms:Decrypt', key)] : [])],
            },
          },
        },
        ...(await resolveVariable('file(resources/function-secret.yml)')),
      },
    },
  };
};
