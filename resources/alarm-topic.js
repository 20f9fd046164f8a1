// The topic that alarms notify: one of yours, or the stack's own with an e-mail subscription where there is an address.
const stop = require('./stop.js');

// An alarm that is made or changed goes from INSUFFICIENT_DATA to OK, which is news to nobody.
const INCIDENTS = { $or: [{ NewStateValue: ['ALARM'] }, { OldStateValue: ['ALARM'] }] };

function subscription(address) {
  return {
    AlarmEmail: {
      Type: 'AWS::SNS::Subscription',
      Properties: {
        TopicArn: { Ref: 'AlarmTopic' },
        Protocol: 'email',
        Endpoint: address,
        FilterPolicyScope: 'MessageBody',
        FilterPolicy: INCIDENTS,
      },
    },
  };
}

module.exports = async ({ resolveVariable }) => {
  const arn = await resolveVariable('param:alarmTopicArn');
  const address = await resolveVariable('param:alarmEmail');
  const region = await resolveVariable('self:provider.region');
  if (!arn) {
    const { Resources } = await resolveVariable('file(resources/alarm-topic.yml)');
    return { arn: { Ref: 'AlarmTopic' }, template: { Resources: { ...Resources, ...(address && subscription(address)) } } };
  }
  if (!RegExp(`^arn:aws[a-z-]*:sns:${region}:[0-9]{12}:[A-Za-z0-9_-]+$`).test(arn)) {
    stop(`alarmTopicArn: '${arn}' is not the ARN of a standard topic in ${region}, like arn:aws:sns:${region}:123456789012:oncall.`);
  }
  if (address) stop('alarmEmail subscribes to the topic that the stack makes: with alarmTopicArn, subscribe to that topic.');
  return { arn, template: {} };
};
