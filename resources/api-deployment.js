// A Deployment is a snapshot: API Gateway publishes a change only with a new one. Its logical id is
// therefore derived from all that api.yml and identity.js define, so that a changed API is a new resource.
const { createHash } = require('node:crypto');

module.exports = async ({ resolveVariable }) => {
  const api = await resolveVariable('file(resources/api.yml):Resources');
  const { Resources: identity } = await resolveVariable('file(resources/identity.js):template');
  const published = [...Object.entries(api), ...Object.entries(identity)].filter(([, { Type }]) =>
    /::(RestApi|Resource|Method|Model|RequestValidator|GatewayResponse|Authorizer)$/.test(Type)
  );
  const hash = createHash('sha256').update(JSON.stringify(published)).digest('hex').slice(0, 16);
  const deployment = `ApiDeployment${hash}`;
  const throttle = async (HttpMethod, ResourcePath, name, more) => ({
    HttpMethod,
    ResourcePath,
    ...more,
    ThrottlingRateLimit: await resolveVariable(`file(resources/parameters.js):${name}RateLimit`),
    ThrottlingBurstLimit: await resolveVariable(`file(resources/parameters.js):${name}BurstLimit`),
  });
  return {
    Resources: {
      [deployment]: {
        Type: 'AWS::ApiGateway::Deployment',
        DependsOn: [...new Set(published.map(([name]) => name))].filter((name) => name !== 'Api'),
        Properties: { RestApiId: { Ref: 'Api' } },
      },
      ApiStage: {
        Type: 'AWS::ApiGateway::Stage',
        // When sign-in is turned off, the function changes first: until the gateway has changed too, punches come with an
        // employee that it no longer asks for. In the other order they would come without one that it still asks for, and
        // be dead letters. When sign-in is turned on, the gateway changes first (identity.js).
        ...((await resolveVariable('param:userPoolArn')) ? {} : { DependsOn: ['BatidaPontoLambdaFunction'] }),
        Properties: {
          RestApiId: { Ref: 'Api' },
          DeploymentId: { Ref: deployment },
          StageName: await resolveVariable('sls:stage'),
          TracingEnabled: await resolveVariable('file(resources/observability.js):tracing'),
          ...(await resolveVariable('file(resources/observability.js):accessLogSetting')),
          // What is set for a method counts instead of what is set for all. A path's own slash is written ~1.
          MethodSettings: [
            await throttle('*', '/*', 'stage'),
            // Metrics of its own, for the alarms: a receipt that is not there yet is a 404, and no trouble.
            await throttle('POST', '/~1ponto', 'punch', { MetricsEnabled: true }),
            await throttle('OPTIONS', '/~1ponto', 'preflight'),
            await throttle('GET', '/~1ponto~1{id}', 'receipt'),
            await throttle('OPTIONS', '/~1ponto~1{id}', 'preflight'),
            await throttle('GET', '/~1ponto', 'receipt'),
            await throttle('POST', '/~1correcao', 'correction'),
          ],
        },
      },
    },
  };
};
