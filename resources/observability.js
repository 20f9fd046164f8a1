// The gateway's access log and X-Ray, where they are wanted (the parameters accessLogs and tracing).
const { stackName } = require('./derived.js');
const { allow, policy } = require('./iam.js');
const values = require('./values.js');

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

// X-Ray knows no resources to name here.
const tracingPolicy = policy('Traces of the functions', allow(['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], '*'));

module.exports = async (context) => {
  const { accessLogs, logRetentionDays, tracing } = await values(context, 'accessLogs', 'logRetentionDays', 'tracing');
  const Properties = { LogGroupName: `/aws/apigateway/${await stackName(context)}`, RetentionInDays: logRetentionDays };
  return {
    tracing,
    tracingPolicy: { Ref: tracing ? 'TracingPolicy' : 'AWS::NoValue' },
    // Of the gateway's stage.
    accessLogSetting: accessLogs
      ? { AccessLogSetting: { DestinationArn: { 'Fn::GetAtt': ['AccessLogGroup', 'Arn'] }, Format: JSON.stringify(LINE) } }
      : {},
    template: {
      Resources: {
        ...(accessLogs && { AccessLogGroup: { Type: 'AWS::Logs::LogGroup', Properties } }),
        ...(tracing && { TracingPolicy: tracingPolicy }),
      },
    },
  };
};
