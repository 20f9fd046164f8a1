// The gateway's access log, where it is wanted: who was answered what, and how fast. Never a body, nor an error's
// message, which may quote one; of the key its id; no address, which would tell where an employee is.
const FORMAT = {
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

module.exports = async ({ resolveVariable }) => {
  if (String(await resolveVariable('param:accessLogs')) !== 'true') return { setting: {}, template: {} };
  return {
    setting: {
      AccessLogSetting: {
        DestinationArn: { 'Fn::GetAtt': ['AccessLogGroup', 'Arn'] },
        Format: JSON.stringify(FORMAT),
      },
    },
    template: {
      Resources: {
        AccessLogGroup: {
          Type: 'AWS::Logs::LogGroup',
          Properties: {
            LogGroupName: `/aws/apigateway/${await resolveVariable('self:service')}-${await resolveVariable('sls:stage')}`,
            RetentionInDays: Number(await resolveVariable('param:logRetentionDays')),
          },
        },
      },
    },
  };
};
