// The alarms of alarms.yml that a stage has, and the topic that they notify: one of yours, or the stack's own
// (alarm-topic.yml), with an e-mail subscription where there is an address.
const stop = require('./stop.js');

// An alarm that is made or changed goes from INSUFFICIENT_DATA to OK, which is news to nobody.
const INCIDENTS = { $or: [{ NewStateValue: ['ALARM'] }, { OldStateValue: ['ALARM'] }] };

const subscription = (address) => ({
  Type: 'AWS::SNS::Subscription',
  Properties: {
    TopicArn: { Ref: 'AlarmTopic' },
    Protocol: 'email',
    Endpoint: address,
    FilterPolicyScope: 'MessageBody',
    FilterPolicy: INCIDENTS,
  },
});

/** The topic's ARN, and the resources that it needs. */
async function topic(resolveVariable) {
  const arn = await resolveVariable('param:alarmTopicArn');
  const address = await resolveVariable('param:alarmEmail');
  if (!arn) {
    const resources = await resolveVariable('file(resources/alarm-topic.yml):Resources');
    return { arn: { Ref: 'AlarmTopic' }, resources: { ...resources, ...(address && { AlarmEmail: subscription(address) }) } };
  }
  const region = await resolveVariable('self:provider.region');
  if (!RegExp(`^arn:aws[a-z-]*:sns:${region}:[0-9]{12}:[A-Za-z0-9_-]+$`).test(arn)) {
    stop(`alarmTopicArn: '${arn}' is not the ARN of a standard topic in ${region}, like arn:aws:sns:${region}:123456789012:oncall.`);
  }
  if (address) stop('alarmEmail subscribes to the topic that the stack makes: with alarmTopicArn, subscribe to that topic.');
  return { arn, resources: {} };
}

/** `dead-letters` is the resource DeadLettersAlarm. */
const logicalId = (section) =>
  `${section.split('-').map((word) => word[0].toUpperCase() + word.slice(1)).join('')}Alarm`;

module.exports = async ({ resolveVariable }) => {
  const metricMath = await resolveVariable('param:metricMath');
  if (!['supported', 'unsupported'].includes(metricMath)) {
    stop(`metricMath: '${metricMath}' is not one of supported, unsupported.`);
  }
  const { everywhere, onExpressions, ofTheCluster, ofUploads } = await resolveVariable('file(resources/alarms.yml)');
  const alarms = {
    ...everywhere,
    ...(metricMath === 'supported' && onExpressions),
    ...((await resolveVariable('param:database')) === 'create' && ofTheCluster),
    ...((await resolveVariable('file(resources/uploads.js):isOn')) && ofUploads),
  };

  const { arn, resources } = await topic(resolveVariable);
  const stack = `${await resolveVariable('self:service')}-${await resolveVariable('sls:stage')}`;
  const alarm = ([section, { AlarmDescription, ...properties }]) => [
    logicalId(section),
    {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        AlarmName: `${stack}-${section}`,
        AlarmDescription: `${AlarmDescription} docs/runbook.md#${section}`,
        ...properties,
        ComparisonOperator: 'GreaterThanThreshold',
        TreatMissingData: 'notBreaching',
        AlarmActions: [arn],
        OKActions: [arn],
      },
    },
  ];
  const found = Object.fromEntries(Object.entries(alarms).map(alarm));
  return {
    ids: Object.keys(found),
    template: { Resources: { ...found, ...resources }, Outputs: { AlarmTopicArn: { Value: arn } } },
  };
};
