// The right to read the secret of an existing database, where one is named.
module.exports = async ({ resolveVariable }) => {
  const arn = await resolveVariable('param:dbSecretArn');
  if (!arn) return { policy: { Ref: 'AWS::NoValue' }, template: {} };
  return {
    policy: { Ref: 'DatabaseSecretPolicy' },
    template: {
      Resources: {
        DatabaseSecretPolicy: {
          Type: 'AWS::IAM::ManagedPolicy',
          Properties: {
            Description: "The database's password",
            PolicyDocument: {
              Version: '2012-10-17',
              Statement: [{ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: arn }],
            },
          },
        },
      },
    },
  };
};
