// A stage's alarms (alarms.yml), and the topic that they notify: an existing one, or the stack's (alarm-topic.yml), with an e-mail
// subscription if an address is configured.
const { origins, collect } = require('./slices.js');
const fail = require('./lib/fail.js');
const resolveParameters = require('./lib/resolve-parameters.js');

// Alarms of a stage for trials (`alarms: essential`): punches may be lost, or are not stored.
const ESSENTIAL = ['dead-letters', 'keeps-failing', 'function-errors'];

/** Return the topic's ARN, and the resources that it needs. */
async function topic(context) {
  const { resolveVariable } = context;
  const { alarmTopicArn: arn, alarmEmail, alarmTopicKey } = await resolveParameters(context, 'alarmTopicArn', 'alarmEmail', 'alarmTopicKey');
  if (!arn) {
    const resources = { ...(await resolveVariable('file(resources/alarm-topic.yml):Resources')) };
    if (!alarmEmail) delete resources.AlarmEmail;
    if (!alarmTopicKey) {
      delete resources.AlarmKey;
      resources.AlarmTopic = { ...resources.AlarmTopic, Properties: {} }; // unencrypted: notifications contain names and numbers of alarms, and no punch
    }
    return { arn: { Ref: 'AlarmTopic' }, resources };
  }
  const region = await resolveVariable('self:provider.region');
  if (!RegExp(`^arn:aws[a-z-]*:sns:${region}:[0-9]{12}:[A-Za-z0-9_-]+$`).test(arn)) {
    fail(`alarmTopicArn: '${arn}' is not the ARN of a standard topic in ${region}, like arn:aws:sns:${region}:123456789012:oncall.`);
  }
  if (alarmEmail) fail('alarmEmail: cannot subscribe to the topic of alarmTopicArn; leave alarmEmail out, and subscribe to that topic yourself.');
  return { arn, resources: {} };
}

/** Return the logical id of an alarm: DeadLettersAlarm for `dead-letters`. */
const logicalId = (name) => `${name.split('-').map((word) => word[0].toUpperCase() + word.slice(1)).join('')}Alarm`;

module.exports = async (context) => {
  const { resolveVariable } = context;
  const { alarms, database, metricMath } = await resolveParameters(context, 'alarms', 'database', 'metricMath');
  const { metricAlarms, expressionAlarms, clusterAlarms } = await resolveVariable('file(resources/alarms.yml)');
  const baseAlarms = {
    ...metricAlarms,
    ...(metricMath === 'supported' && expressionAlarms),
    ...(database !== 'existing' && clusterAlarms),
  };
  const sliceAlarms = await collect(context, 'alarms');
  const duplicate = Object.keys(sliceAlarms).find((name) => name in baseAlarms);
  if (duplicate) fail(`${origins.get(duplicate)} exists already in this project. Choose another name.`);
  const all = { ...baseAlarms, ...sliceAlarms };
  const names = alarms === 'all' ? Object.keys(all) : ESSENTIAL;

  const { arn, resources: topicResources } = await topic(context);
  const stack = await resolveVariable('file(resources/derived.js):stackName');
  const resources = {};
  for (const name of names) {
    const { AlarmDescription, ...properties } = all[name];
    resources[logicalId(name)] = {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        AlarmName: `${stack}-${name}`,
        // Descriptions of slices' alarms contain their own links.
        AlarmDescription: name in baseAlarms ? `${AlarmDescription} docs/runbook.md#${name}` : AlarmDescription,
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
