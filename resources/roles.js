// IAM roles: one for each function, and those of roles.yml. Each role allows only the actions that it needs, on named resources.
const FUNCTIONS = require('./functions.js');
const { allow, document, role } = require('./lib/iam.js');
const { ENDPOINTS } = require('./slices.js');

/** Return the gateway's role, which may also invoke the functions of the API's methods. */
function apiRole({ Properties, ...others }) {
  const functions = ENDPOINTS.map(({ id }) => ({ 'Fn::GetAtt': [`${id}LambdaFunction`, 'Arn'] }));
  const invocation = { PolicyName: 'invoke-functions', PolicyDocument: document([allow('lambda:InvokeFunction', functions)]) };
  return { ...others, Properties: { ...Properties, Policies: [...Properties.Policies, ...(functions.length ? [invocation] : [])] } };
}

module.exports = async (context) => {
  const { resolveVariable } = context;
  const { statements, Resources, Outputs } = await resolveVariable('file(resources/roles.yml)');
  const login = await resolveVariable('file(resources/database.js):permissions');
  const roles = { ...Resources, ApiRole: apiRole(Resources.ApiRole), SchemaRole: await role(context, 'Schema', { statements: login.schema }) };
  for (const { name, id, iamRole } of FUNCTIONS) {
    roles[iamRole] = await role(context, id, { statements: [...(statements[name] ?? []), ...login[name]] });
  }
  return { Resources: roles, Outputs };
};
