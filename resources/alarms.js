// The alarms of alarms.yml that a stage has, and the topic that they notify: one of yours, or the stack's own
// (alarm-topic.yml), with an e-mail subscription where there is an address.
const { origins, together } = require('./slices.js');
const stop = require('./stop.js');
const values = require('./values.js');

// Alarms of a stage for trials: of punches that may be lost, or that are not stored.
const ESSENTIAL = ['dead-letters', 'keeps-failing', 'function-errors'];

/** Return the topic's ARN, and the resources that it needs. */
async function topic(context) {
  const { resolveVariable } = context;
  const { alarmTopicArn: arn, alarmEmail, alarmTopicKey } = await values(context, 'alarmTopicArn', 'alarmEmail', 'alarmTopicKey');
  if (!arn) {
    const resources = { ...(await resolveVariable('file(resources/alarm-topic.yml):Resources')) };
    if (!alarmEmail) delete resources.AlarmEmail;
    if (!alarmTopicKey) {
      delete resources.AlarmKey;
      resources.AlarmTopic = { ...resources.AlarmTopic, Properties: {} }; // it tells names and numbers, no punch
    }
    return { arn: { Ref: 'AlarmTopic' }, resources };
  }
  const region = await resolveVariable('self:provider.region');
  if (!RegExp(`^arn:aws[a-z-]*:sns:${region}:[0-9]{12}:[A-Za-z0-9_-]+$`).test(arn)) {
    stop(`alarmTopicArn: '${arn}' is not the ARN of a standard topic in ${region}, like arn:aws:sns:${region}:123456789012:oncall.`);
  }
  if (alarmEmail) stop('alarmEmail subscribes to the topic that the stack makes: with alarmTopicArn, subscribe to that topic.');
  return { arn, resources: {} };
}

/** Return the logical id of an alarm: of `dead-letters`, DeadLettersAlarm. */
const logicalId = (section) => `${section.split('-').map((word) => word[0].toUpperCase() + word.slice(1)).join('')}Alarm`;

module.exports = async (context) => {
  const { resolveVariable } = context;
  const { alarms, database, metricMath } = await values(context, 'alarms', 'database', 'metricMath');
  const { everywhere, onExpressions, ofTheCluster } = await resolveVariable('file(resources/alarms.yml)');
  const ofReference = {
    ...everywhere,
    ...(metricMath === 'supported' && onExpressions),
    ...(database !== 'existing' && ofTheCluster),
  };
  const ofSlices = await together(context, 'alarms');
  const twice = Object.keys(ofSlices).find((section) => section in ofReference);
  if (twice) stop(`${origins.get(twice)} exists already in the reference. Give it another name.`);
  const all = { ...ofReference, ...ofSlices };
  const wanted = alarms === 'all' ? Object.keys(all) : ESSENTIAL;

  const { arn, resources: topicResources } = await topic(context);
  const stack = await resolveVariable('file(resources/derived.js):stackName');
  const resources = {};
  for (const section of wanted) {
    const { AlarmDescription, ...properties } = all[section];
    resources[logicalId(section)] = {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        AlarmName: `${stack}-${section}`,
        // Those of slices name the section that describes them.
        AlarmDescription: section in ofReference ? `${AlarmDescription} docs/runbook.md#${section}` : AlarmDescription,
        ...properties,
        ComparisonOperator: 'GreaterThanThreshold',
        TreatMissingData: 'notBreaching',
        AlarmActions: [arn],
        OKActions: [arn],
      },
    };
  }
  return {
    ids: Object.keys(resources),
    template: { Resources: { ...resources, ...topicResources }, Outputs: { AlarmTopicArn: { Value: arn } } },
  };
};
