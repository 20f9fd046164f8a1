// What alarms need and YAML cannot do: arithmetic, and a subscription only where there is an address.
module.exports = async ({ resolveVariable }) => {
  const address = await resolveVariable('param:alarmEmail');
  const concurrency = Number(await resolveVariable('param:reservedConcurrency')); // --param gives texts
  return {
    // The function holds at most reservedConcurrency, and twice that while a deploy replaces its environments,
    // whose connections outlive them; 20 for reports and people.
    connections: 2 * concurrency + 20,
    subscription: address
      ? {
          Resources: {
            AlarmEmail: {
              Type: 'AWS::SNS::Subscription',
              Properties: { TopicArn: { Ref: 'AlarmTopic' }, Protocol: 'email', Endpoint: address },
            },
          },
        }
      : {},
  };
};
