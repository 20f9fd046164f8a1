// Sign-in of employees. On a stage with a user pool, this module's value is merged into the template: POST /ponto and the slices'
// methods for employees then require the pool's ID token.
const { ENDPOINTS } = require('../../resources/slices.js');
const fail = require('../../resources/lib/fail.js');

const ARN = /^arn:aws[a-z-]*:cognito-idp:[^:]+:[0-9]{12}:userpool\/[^/]+$/;
const CLAIM = "$context.authorizer.claims['custom:usuarioId']"; // a user attribute, which only ID tokens have
const ALLOW_HEADER = 'method.response.header.Access-Control-Allow-';

const requireSignIn = { Properties: { AuthorizationType: 'COGNITO_USER_POOLS', AuthorizerId: { Ref: 'EmployeeSignIn' } } };

/**
 * Changes of the response to a preflight request.
 *
 * @param {string} headers allowed request headers, in the quotes of a mapping expression
 * @param {Object<string, string>} [more] other response parameters
 */
const preflight = (headers, more) => ({
  Properties: { Integration: { IntegrationResponses: [{ ResponseParameters: { [`${ALLOW_HEADER}Headers`]: headers, ...more } }] } },
});

module.exports = async ({ resolveVariable }) => {
  const userPool = await resolveVariable('param:userPoolArn');
  if (!userPool) return {};
  if (!ARN.test(userPool)) {
    fail(
      `userPoolArn: ${userPool} is not the ARN of a user pool, like arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_AbCdEfGhI`
    );
  }
  const employeeMethods = ENDPOINTS.filter(({ callers }) => callers === 'users').flatMap(({ methods }) => methods);
  return {
    identity: { usuarioId: CLAIM },
    Resources: {
      EmployeeSignIn: { // requires an ID token of the user pool
        Type: 'AWS::ApiGateway::Authorizer',
        Properties: {
          RestApiId: { Ref: 'Api' },
          Name: 'employees',
          Type: 'COGNITO_USER_POOLS',
          ProviderARNs: [userPool],
          IdentitySource: 'method.request.header.Authorization',
        },
      },

      // The stage requires tokens before the function does. In the other order, the function would dead-letter punches that were
      // accepted without a token.
      BatidaPontoLambdaFunction: { DependsOn: ['ApiStage'] }, // merged with what osls generates
      PostEvent: requireSignIn,
      EventPreflight: preflight("'Content-Type,X-Api-Key,Authorization'", { [`${ALLOW_HEADER}Methods`]: "'GET,POST,OPTIONS'" }),
      ...Object.fromEntries(
        employeeMethods.map(({ id, method }) => [
          id,
          method === 'OPTIONS' ? preflight("'Content-Type,X-Api-Key,Authorization'") : requireSignIn,
        ])
      ),
    },
  };
};
