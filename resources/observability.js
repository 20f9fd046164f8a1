// The gateway's access log and X-Ray, where they are wanted (the parameters accessLogs and tracing).

// Who was answered what, and how fast. Never a body, nor an error's message, which may quote one; of the key its id; no
// address, which would tell where an employee is.
const LINE = {
  requestId: '$context.requestId',
  time: '$context.requestTimeEpoch', // ms
  method: '$context.httpMethod',
  path: '$context.resourcePath',
  status: '$context.status',
  milliseconds: '$context.responseLatency',
  sqsMilliseconds: '$context.integration.latency',
  sqsStatus: '$context.integration.status',
  apiKeyId: '$context.identity.apiKeyId',
  error: '$context.error.responseType', // THROTTLED, BAD_REQUEST_BODY, ...
};

const accessLogGroup = (name, days) => ({
  Type: 'AWS::Logs::LogGroup',
  Properties: { LogGroupName: `/aws/apigateway/${name}`, RetentionInDays: days },
});

const tracingPolicy = {
  Type: 'AWS::IAM::ManagedPolicy',
  Properties: {
    Description: 'Traces of the functions',
    PolicyDocument: {
      Version: '2012-10-17',
      // X-Ray knows no resources to name here.
      Statement: [{ Effect: 'Allow', Action: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], Resource: '*' }],
    },
  },
};

module.exports = async ({ resolveVariable }) => {
  const parameter = (name) => resolveVariable(`file(resources/parameters.js):${name}`);
  const accessLogs = await parameter('accessLogs');
  const tracing = await parameter('tracing');
  const name = await resolveVariable('file(resources/derived.js):stackName');
  const days = await parameter('logRetentionDays');
  return {
    tracing,
    tracingPolicy: tracing ? { Ref: 'TracingPolicy' } : { Ref: 'AWS::NoValue' },
    // Of the gateway's stage.
    accessLogSetting: accessLogs
      ? { AccessLogSetting: { DestinationArn: { 'Fn::GetAtt': ['AccessLogGroup', 'Arn'] }, Format: JSON.stringify(LINE) } }
      : {},
    template: {
      Resources: {
        ...(accessLogs && { AccessLogGroup: accessLogGroup(name, days) }),
        ...(tracing && { TracingPolicy: tracingPolicy }),
      },
    },
  };
};
