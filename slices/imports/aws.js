// Adds the bucket and the function of uploads.yml if the parameter uploads is true.
const { allow, role } = require('../../resources/lib/iam.js');

const GROUP = 'imports'; // message group of all files; groups of devices are ids of API keys

module.exports = async (context) => {
  const { resolveVariable } = context;
  if (!(await resolveVariable('file(resources/parameters.js):uploads'))) return {};
  const { importacao, Resources, ...others } = await resolveVariable('file(slices/imports/uploads.yml)');
  const group = (await resolveVariable('file(resources/parameters.js):fairQueue')) ? { MESSAGE_GROUP: GROUP } : {};
  const statements = ['Queue', 'DeadLetterQueue'].map((queue) => allow('sqs:SendMessage', { 'Fn::GetAtt': [queue, 'Arn'] }));
  return {
    functions: { importacao: { ...importacao, environment: { ...importacao.environment, ...group } } },
    Resources: { ...Resources, ImportacaoRole: await role(context, 'Importacao', { statements, isInNetwork: false }) },
    ...others,
  };
};
