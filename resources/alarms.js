// The alarms of alarms.yml that a stage has, and the topic that they notify: one of yours, or the stack's own
// (alarm-topic.yml), with an e-mail subscription where there is an address.
const { together } = require('./slices.js');
const stop = require('./stop.js');

// What a stage where people only try things needs to know: punches that nobody may ever see, or that are not stored.
const ESSENTIAL = ['dead-letters', 'keeps-failing', 'function-errors'];

/** The topic's ARN, and the resources that it needs. */
async function topic(resolveVariable) {
  const arn = await resolveVariable('param:alarmTopicArn');
  const address = await resolveVariable('param:alarmEmail');
  if (!arn) {
    const resources = { ...(await resolveVariable('file(resources/alarm-topic.yml):Resources')) };
    if (!address) delete resources.AlarmEmail;
    if (!(await resolveVariable('file(resources/parameters.js):alarmTopicKey'))) {
      delete resources.AlarmKey;
      resources.AlarmTopic = { ...resources.AlarmTopic, Properties: {} }; // it tells names and numbers, no punch
    }
    return { arn: { Ref: 'AlarmTopic' }, resources };
  }
  const region = await resolveVariable('self:provider.region');
  if (!RegExp(`^arn:aws[a-z-]*:sns:${region}:[0-9]{12}:[A-Za-z0-9_-]+$`).test(arn)) {
    stop(`alarmTopicArn: '${arn}' is not the ARN of a standard topic in ${region}, like arn:aws:sns:${region}:123456789012:oncall.`);
  }
  if (address) stop('alarmEmail subscribes to the topic that the stack makes: with alarmTopicArn, subscribe to that topic.');
  return { arn, resources: {} };
}

/** `dead-letters` is the resource DeadLettersAlarm. */
const logicalId = (section) => `${section.split('-').map((word) => word[0].toUpperCase() + word.slice(1)).join('')}Alarm`;

module.exports = async (context) => {
  const { resolveVariable } = context;
  const is = async (name, value) => (await resolveVariable(`file(resources/parameters.js):${name}`)) === value;
  const { everywhere, onExpressions, ofTheCluster } = await resolveVariable('file(resources/alarms.yml)');
  const ours = {
    ...everywhere,
    ...((await is('metricMath', 'supported')) && onExpressions),
    ...(!(await is('database', 'existing')) && ofTheCluster),
  };
  const all = { ...ours, ...(await together(context, 'alarms', Object.keys(ours))) };
  const wanted = (await is('alarms', 'all')) ? Object.keys(all) : ESSENTIAL;

  const { arn, resources } = await topic(resolveVariable);
  const stack = await resolveVariable('file(resources/derived.js):stackName');
  const found = {};
  for (const section of wanted) {
    const { AlarmDescription, ...properties } = all[section];
    found[logicalId(section)] = {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        AlarmName: `${stack}-${section}`,
        // A slice's say where theirs are described.
        AlarmDescription: section in ours ? `${AlarmDescription} docs/runbook.md#${section}` : AlarmDescription,
        ...properties,
        ComparisonOperator: 'GreaterThanThreshold',
        TreatMissingData: 'notBreaching',
        AlarmActions: [arn],
        OKActions: [arn],
      },
    };
  }
  return {
    ids: Object.keys(found),
    template: { Resources: { ...found, ...resources }, Outputs: { AlarmTopicArn: { Value: arn } } },
  };
};
