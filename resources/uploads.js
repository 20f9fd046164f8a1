// Whether files of punches are taken (uploads.yml), and who may send to the queue.
const GROUP = 'imports'; // on the queue, of all files: no key's id

const arn = (role) => ({ 'Fn::GetAtt': [role, 'Arn'] });

module.exports = async ({ resolveVariable }) => {
  const senders = ['ApiRole', 'OperatorRole'].map(arn);
  if (!(await resolveVariable('file(resources/parameters.js):uploads'))) return { isOn: false, senders, template: {} };

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
