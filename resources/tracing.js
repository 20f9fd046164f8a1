// X-Ray, where it is wanted: the gateway's share and the functions', with the right to send theirs.
module.exports = async ({ resolveVariable }) => {
  if (String(await resolveVariable('param:tracing')) !== 'true') {
    return { enabled: false, policy: { Ref: 'AWS::NoValue' }, template: {} };
  }
  return {
    enabled: true,
    policy: { Ref: 'TracingPolicy' },
    template: {
      Resources: {
        TracingPolicy: {
          Type: 'AWS::IAM::ManagedPolicy',
          Properties: {
            Description: 'Traces of the functions',
            PolicyDocument: {
              Version: '2012-10-17',
              // X-Ray knows no resources to name here.
              Statement: [
                { Effect: 'Allow', Action: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], Resource: '*' },
              ],
            },
          },
        },
      },
    },
  };
};
