// IAM roles: one for each function, and those of roles.yml. Each role allows only the actions that it needs, on named resources.
const FUNCTIONS = require('./functions.js');
const { role } = require('./iam.js');

module.exports = async (context) => {
  const { resolveVariable } = context;
  const { statements, Resources, Outputs } = await resolveVariable('file(resources/roles.yml)');
  const login = await resolveVariable('file(resources/database.js):permissions');
  const roles = { ...Resources, SchemaRole: await role(context, 'Schema', login.schema) };
  for (const { name, id } of FUNCTIONS) {
    const { policies, statements: loginStatements = [] } = login[name];
    roles[`${id}Role`] = await role(context, id, { policies, statements: [...(statements[id] ?? []), ...loginStatements] });
  }
  return { Resources: roles, Outputs };
};
