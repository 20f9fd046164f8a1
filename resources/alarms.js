// The alarms of alarms.yml that a stage has, and the topic that they notify: one of yours, or the stack's own
// (alarm-topic.yml), with an e-mail subscription where there is an address.
const { beside } = require('./slices.js');
const stop = require('./stop.js');

// An alarm that is made or changed goes from INSUFFICIENT_DATA to OK, which is news to nobody.
const INCIDENTS = { $or: [{ NewStateValue: ['ALARM'] }, { OldStateValue: ['ALARM'] }] };

// What a stage where people only try things needs to know: punches that nobody may ever see, or that are not stored.
const ESSENTIAL = ['dead-letters', 'keeps-failing', 'function-errors'];

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
    const { AlarmKey, ...resources } = await resolveVariable('file(resources/alarm-topic.yml):Resources');
    const hasKey = await resolveVariable('file(resources/parameters.js):alarmTopicKey');
    if (!hasKey) resources.AlarmTopic = { ...resources.AlarmTopic, Properties: {} }; // it tells names and numbers, no punch
    const more = { ...(hasKey && { AlarmKey }), ...(address && { AlarmEmail: subscription(address) }) };
    return { arn: { Ref: 'AlarmTopic' }, resources: { ...resources, ...more } };
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

module.exports = async (context) => {
  const { resolveVariable } = context;
  const metricMath = await resolveVariable('param:metricMath');
  if (!['supported', 'unsupported'].includes(metricMath)) {
    stop(`metricMath: '${metricMath}' is not one of supported, unsupported.`);
  }
  const wanted = await resolveVariable('param:alarms');
  if (!['all', 'essential'].includes(wanted)) stop(`alarms: '${wanted}' is not one of all, essential.`);
  const { everywhere, onExpressions, ofTheCluster } = await resolveVariable('file(resources/alarms.yml)');
  const ours = {
    ...everywhere,
    ...(metricMath === 'supported' && onExpressions),
    ...((await resolveVariable('param:database')) !== 'existing' && ofTheCluster),
  };
  const all = { ...ours, ...(await beside(context, 'alarms', Object.keys(ours))) }; // a slice's descriptions say where theirs are described
  const alarms = wanted === 'all' ? all : Object.fromEntries(ESSENTIAL.map((section) => [section, all[section]]));

  const { arn, resources } = await topic(resolveVariable);
  const stack = await resolveVariable('file(resources/derived.js):stackName');
  const alarm = ([section, { AlarmDescription, ...properties }]) => [
    logicalId(section),
    {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        AlarmName: `${stack}-${section}`,
        AlarmDescription: section in ours ? `${AlarmDescription} docs/runbook.md#${section}` : AlarmDescription,
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
