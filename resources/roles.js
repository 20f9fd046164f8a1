// One role for each function, one for the gateway and one for redrives (roles.yml): single actions on single resources.
const FUNCTIONS = require('./functions.js');
const role = require('./role.js');

module.exports = async (context) => {
  const { resolveVariable } = context;
  const { statements, Resources, Outputs } = await resolveVariable('file(resources/roles.yml)');
  const secretPolicy = (name) => resolveVariable(`file(resources/database.js):${name}SecretPolicy`);
  const own = await Promise.all(
    FUNCTIONS.map(async ({ name, id }) => [
      `${id}Role`,
      await role(context, id, { policies: [await secretPolicy(name)], statements: statements[id] }),
    ])
  );
  const policies = await Promise.all(['owner', ...FUNCTIONS.map(({ name }) => name)].map(secretPolicy));
  return {
    Resources: { ...Resources, ...Object.fromEntries(own), SchemaRole: await role(context, 'Schema', { policies }) },
    Outputs,
  };
};
