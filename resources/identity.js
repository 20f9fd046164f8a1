// Employees who sign in: what a stage with a user pool has besides, laid over the function and resources/api.yml.
// Without one, a 404 in the place of the list of an employee's own punches. It is no method that goes: what a template no longer
// has is removed after the new deployment is made, which would go on publishing it.
const stop = require('./stop.js');

const ARN = /^arn:aws[a-z-]*:cognito-idp:[^:]+:[0-9]{12}:userpool\/[^/]+$/;
const CLAIM = "$context.authorizer.claims['custom:usuarioId']"; // an attribute of the user, in the ID token only
const ATTRIBUTE = 'MessageAttribute.2'; // behind that of api.yml: SQS stops at a gap
const ALLOWED = 'method.response.header.Access-Control-Allow-';

/** A browser may send what it may in api.yml, and its token. */
const preflight = (headers, more) => ({
  Type: 'AWS::ApiGateway::Method',
  Properties: {
    Integration: { IntegrationResponses: [{ ResponseParameters: { [`${ALLOWED}Headers`]: headers, ...more } }] },
  },
});

const asks = { Type: 'AWS::Lambda::Function', Properties: { Environment: { Variables: { IDENTITY: 'required' } } } };

/** The answer of a stage where nobody signs in, with the headers that all answers have. */
const noList = (list, { Integration, MethodResponses }) => ({
  Type: 'AWS::ApiGateway::Method',
  Properties: {
    ...list,
    AuthorizationType: 'NONE',
    Integration: {
      Type: 'MOCK',
      RequestTemplates: { 'application/json': '{"statusCode": 404}' },
      IntegrationResponses: [
        {
          StatusCode: '404',
          ResponseParameters: Integration.IntegrationResponses[0].ResponseParameters,
          ResponseTemplates: {
            'application/json': '{"message":"employees do not sign in here, so there is no list of their punches"}',
          },
        },
      ],
    },
    MethodResponses: [{ StatusCode: '404', ResponseParameters: MethodResponses[0].ResponseParameters }],
  },
});

module.exports = async ({ resolveVariable }) => {
  const userPool = await resolveVariable('param:userPoolArn');
  const { PostPunch, GetReceipt } = await resolveVariable('file(resources/api.yml):Resources');
  const list = { RestApiId: { Ref: 'Api' }, ResourceId: { Ref: 'PunchResource' }, HttpMethod: 'GET', ApiKeyRequired: true };
  if (!userPool) return { template: { Resources: { ListReceipts: noList(list, PostPunch.Properties) } } };
  if (!ARN.test(userPool)) {
    stop(
      `userPoolArn: ${userPool} is not the ARN of a user pool, like arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_AbCdEfGhI`
    );
  }
  const request = PostPunch.Properties.Integration.RequestTemplates['application/json'];
  const signsIn = { AuthorizationType: 'COGNITO_USER_POOLS', AuthorizerId: { Ref: 'EmployeeSignIn' } };
  return {
    template: {
      extensions: {
        // The stage asks for tokens before the function does: what came without one would be a dead letter.
        BatidaPontoLambdaFunction: { DependsOn: ['ApiStage'] }, // added to what osls writes
      },
      Resources: {
        BatidaPontoLambdaFunction: asks,
        ReceiptLambdaFunction: asks,
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
        PostPunch: {
          Type: 'AWS::ApiGateway::Method',
          Properties: {
            ...signsIn,
            Integration: {
              RequestTemplates: {
                // SQS refuses an attribute without a value, so an account without a number sends none.
                'application/json':
                  `${request}#if("$!${CLAIM.slice(1)}" != "")&${ATTRIBUTE}.Name=usuarioId` +
                  `&${ATTRIBUTE}.Value.DataType=String&${ATTRIBUTE}.Value.StringValue=$util.urlEncode(${CLAIM})#end`,
              },
            },
          },
        },
        PunchPreflight: preflight("'Content-Type,X-Api-Key,Authorization'", { [`${ALLOWED}Methods`]: "'GET,POST,OPTIONS'" }),
        GetReceipt: { Type: 'AWS::ApiGateway::Method', Properties: signsIn },
        ReceiptPreflight: preflight("'X-Api-Key,Authorization'"),
        ListReceipts: { ...GetReceipt, Properties: { ...GetReceipt.Properties, ...list, ...signsIn } },
      },
    },
  };
};
