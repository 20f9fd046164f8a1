// Whether files of punches are taken (uploads.yml), and who may send to the queue.
const stop = require('./stop.js');

const GROUP = 'imports'; // on the queue, of all files: no key's id

const arn = (role) => ({ 'Fn::GetAtt': [role, 'Arn'] });

module.exports = async ({ resolveVariable }) => {
  const uploads = String(await resolveVariable('param:uploads')); // --param gives texts
  if (!['true', 'false'].includes(uploads)) stop(`uploads: '${uploads}' is not one of true, false.`);
  const senders = ['ApiRole', 'OperatorRole'].map(arn);
  if (uploads === 'false') return { isOn: false, senders, template: {} };

  const { importacao, ...template } = await resolveVariable('file(resources/uploads.yml)');
  const identity = (await resolveVariable('param:userPoolArn')) ? { IDENTITY: 'required' } : {};
  const group = (await resolveVariable('file(resources/parameters.js):fairQueue')) ? { MESSAGE_GROUP: GROUP } : {};
  return {
    isOn: true,
    senders: [...senders, arn('ImportacaoRole')],
    function: { ...importacao, environment: { ...importacao.environment, ...identity, ...group } },
    template,
  };
};
