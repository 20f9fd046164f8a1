// The gateway's access log and X-Ray traces, if the parameters accessLogs and tracing turn them on.
const { stackName } = require('./derived.js');
const { allow } = require('./lib/iam.js');
const resolveParameters = require('./lib/resolve-parameters.js');

// One line for each response. It has no body and no error message, which may quote the body; the API key's id and not the key; and no IP
// address, which would reveal where the sender is.
const ACCESS_LOG_FORMAT = {
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

// X-Ray's actions have no resource-level permissions.
const TRACING_STATEMENT = allow(['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], '*');

module.exports = async (context) => {
  const { accessLogs, logRetentionDays, tracing } = await resolveParameters(context, 'accessLogs', 'logRetentionDays', 'tracing');
  const Properties = { LogGroupName: `/aws/apigateway/${await stackName(context)}`, RetentionInDays: logRetentionDays };
  return {
    tracing,
    tracingStatements: tracing ? [TRACING_STATEMENT] : [],
    // Merged into the properties of the API's stage.
    accessLogSetting: accessLogs
      ? { AccessLogSetting: { DestinationArn: { 'Fn::GetAtt': ['AccessLogGroup', 'Arn'] }, Format: JSON.stringify(ACCESS_LOG_FORMAT) } }
      : {},
    template: {
      Resources: accessLogs ? {
        AccessLogGroup: { // one line for each response of the gateway
          Type: 'AWS::Logs::LogGroup', Properties,
        },
      } : {},
    },
  };
};
