// Employees who sign in: what a stage with a user pool has besides, laid over POST /ponto and over the slices' methods that
// are for employees.
const { ENDPOINTS } = require('../../resources/slices.js');
const fail = require('../../resources/fail.js');

const ARN = /^arn:aws[a-z-]*:cognito-idp:[^:]+:[0-9]{12}:userpool\/[^/]+$/;
const CLAIM = "$context.authorizer.claims['custom:usuarioId']"; // an attribute of the user, in the ID token only
const ALLOW_HEADER = 'method.response.header.Access-Control-Allow-';

const requireSignIn = { Properties: { AuthorizationType: 'COGNITO_USER_POOLS', AuthorizerId: { Ref: 'EmployeeSignIn' } } };

/** A browser may send what it may without sign-in, and its token. */
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
  const employeeMethods = ENDPOINTS.filter(({ callers }) => callers === 'employees').flatMap(({ methods }) => methods);
  return {
    identity: { usuarioId: CLAIM },
    Resources: {
      EmployeeSignIn: {
        Type: 'AWS::ApiGateway::Authorizer',
        Properties: {
          RestApiId: { Ref: 'Api' },
          Name: 'employees',
          Type: 'COGNITO_USER_POOLS',
          ProviderARNs: [userPool],
          IdentitySource: 'method.request.header.Authorization',
        },
      },

      // The stage asks for tokens before the function does: what came without one would be a dead letter.
      BatidaPontoLambdaFunction: { DependsOn: ['ApiStage'] }, // added to what osls writes
      PostPunch: requireSignIn,
      PunchPreflight: preflight("'Content-Type,X-Api-Key,Authorization'", { [`${ALLOW_HEADER}Methods`]: "'GET,POST,OPTIONS'" }),
      ...Object.fromEntries(
        employeeMethods.map(({ id, method }) => [
          id,
          method === 'OPTIONS' ? preflight("'X-Api-Key,Authorization'") : requireSignIn,
        ])
      ),
    },
  };
};
