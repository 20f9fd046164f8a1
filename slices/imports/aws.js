// Whether files of punches are taken (uploads.yml): the parameter uploads.
const role = require('../../resources/role.js');

const GROUP = 'imports'; // on the queue, of all files: no key's id

const send = (queue) => ({ Effect: 'Allow', Action: 'sqs:SendMessage', Resource: { 'Fn::GetAtt': [queue, 'Arn'] } });

module.exports = async (context) => {
  const { resolveVariable } = context;
  if (!(await resolveVariable('file(resources/parameters.js):uploads'))) return {};
  const { importacao, Resources, ...others } = await resolveVariable('file(slices/imports/uploads.yml)');
  const group = (await resolveVariable('file(resources/parameters.js):fairQueue')) ? { MESSAGE_GROUP: GROUP } : {};
  const statements = ['PunchQueue', 'DeadLetterQueue'].map(send);
  return {
    functions: { importacao: { ...importacao, environment: { ...importacao.environment, ...group } } },
    Resources: { ...Resources, ImportacaoRole: await role(context, 'Importacao', { statements, isInNetwork: false }) },
    senders: { ImportacaoRole: true },
    ...others,
  };
};
