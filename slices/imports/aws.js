// Whether files of punches are taken (uploads.yml): the parameter uploads.
const { allow, role } = require('../../resources/iam.js');

const GROUP = 'imports'; // on the queue, of all files: no key's id

module.exports = async (context) => {
  const { resolveVariable } = context;
  if (!(await resolveVariable('file(resources/parameters.js):uploads'))) return {};
  const { importacao, Resources, ...others } = await resolveVariable('file(slices/imports/uploads.yml)');
  const group = (await resolveVariable('file(resources/parameters.js):fairQueue')) ? { MESSAGE_GROUP: GROUP } : {};
  const statements = ['PunchQueue', 'DeadLetterQueue'].map((queue) => allow('sqs:SendMessage', { 'Fn::GetAtt': [queue, 'Arn'] }));
  return {
    functions: { importacao: { ...importacao, environment: { ...importacao.environment, ...group } } },
    Resources: { ...Resources, ImportacaoRole: await role(context, 'Importacao', { statements, isInNetwork: false }) },
    ...others,
  };
};
