// The permissions boundary of every role, where one is asked for: .github/deploy-role.yml makes roles with it only.
const stop = require('./stop.js');

module.exports = async ({ resolveVariable }) => {
  const arn = await resolveVariable('param:permissionsBoundary');
  if (!arn) return { arn: { Ref: 'AWS::NoValue' } };
  if (!/^arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy\/\S+$/.test(arn)) {
    stop(`permissionsBoundary: '${arn}' is not the ARN of a managed policy, like arn:aws:iam::123456789012:policy/boundary.`);
  }
  return { arn };
};
