// One role for each function, one for the gateway and one for redrives (roles.yml): single actions on single resources.
const FUNCTIONS = require('./functions.js');
const { role } = require('./iam.js');

module.exports = async (context) => {
  const { resolveVariable } = context;
  const { statements, Resources, Outputs } = await resolveVariable('file(resources/roles.yml)');
  const rights = await resolveVariable('file(resources/database.js):rights');
  const found = { ...Resources, SchemaRole: await role(context, 'Schema', rights.schema) };
  for (const { name, id } of FUNCTIONS) {
    const { policies, statements: ofLogin = [] } = rights[name];
    found[`${id}Role`] = await role(context, id, { policies, statements: [...(statements[id] ?? []), ...ofLogin] });
  }
  return { Resources: found, Outputs };
};
