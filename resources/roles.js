// One role for each function, one for the gateway and one for redrives (roles.yml): single actions on single resources.
const FUNCTIONS = require('./functions.js');
const role = require('./role.js');

module.exports = async (context) => {
  const { resolveVariable } = context;
  const { statements, Resources, Outputs } = await resolveVariable('file(resources/roles.yml)');
  const rights = await resolveVariable('file(resources/database.js):rights');
  const own = await Promise.all(
    FUNCTIONS.map(async ({ name, id }) => [
      `${id}Role`,
      await role(context, id, {
        policies: rights[name].policies,
        statements: [...(statements[id] ?? []), ...rights[name].statements],
      }),
    ])
  );
  return {
    Resources: { ...Resources, ...Object.fromEntries(own), SchemaRole: await role(context, 'Schema', rights.schema) },
    Outputs,
  };
};
