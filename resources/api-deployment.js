// A Deployment is a snapshot: API Gateway publishes a change only with a new one. Its logical id is
// therefore derived from all that api.yml defines, so that a changed API is a new resource.
const { createHash } = require('node:crypto');

module.exports = async ({ resolveVariable }) => {
  const api = await resolveVariable('file(resources/api.yml):Resources');
  const published = Object.entries(api).filter(([, { Type }]) =>
    /::(RestApi|Resource|Method|Model|RequestValidator|GatewayResponse)$/.test(Type)
  );
  const hash = createHash('sha256').update(JSON.stringify(published)).digest('hex').slice(0, 16);
  const deployment = `ApiDeployment${hash}`;
  return {
    Resources: {
      [deployment]: {
        Type: 'AWS::ApiGateway::Deployment',
        DependsOn: published.map(([name]) => name).filter((name) => name !== 'Api'),
        Properties: { RestApiId: { Ref: 'Api' } },
      },
      ApiStage: {
        Type: 'AWS::ApiGateway::Stage',
        Properties: {
          RestApiId: { Ref: 'Api' },
          DeploymentId: { Ref: deployment },
          StageName: await resolveVariable('sls:stage'),
          MethodSettings: [
            {
              HttpMethod: '*',
              ResourcePath: '/*',
              ThrottlingRateLimit: await resolveVariable('param:stageRateLimit'),
              ThrottlingBurstLimit: await resolveVariable('param:stageBurstLimit'),
            },
          ],
        },
      },
    },
  };
};
