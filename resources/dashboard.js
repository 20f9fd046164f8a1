// One page, read from left to right as the data flows: gateway, queue, function, database, dead letters.
const FUNCTIONS = require('./functions.js');
const { origins, together } = require('./slices.js');
const stop = require('./stop.js');

const GRAPH_KEYS = ['column', 'unit', 'invocationsOf', 'metrics']; // of a slice's graph
const WIDTH = 24; // units of the grid
const HEIGHT = 6;

// Why a punch is dead-lettered: the values of Reason in ponto/parser.py, as a test of the dashboard holds.
const REASONS = ['malformed', 'invalid', 'identity', 'conflict', 'refused', 'unexpected'];

const lambda = (id) => ['AWS/Lambda', 'FunctionName', `\${${id}LambdaFunction}`];

/** A line: what a namespace with its dimensions knows under a name. */
const line = ([namespace, ...dimensions], name, stat, label) => [namespace, name, ...dimensions, { stat, label }];

const graph = (title, unit, ...metrics) => ({ title, unit, metrics });

/** How often a function was asked. */
const invocations = (asked) => [
  line(asked, 'Invocations', 'Sum', 'all'),
  line(asked, 'Errors', 'Sum', 'errors'),
  line(asked, 'Throttles', 'Sum', 'throttles'),
];

/** The graphs below each heading. */
function columns(name, rejections, clusterName) {
  const api = ['AWS/ApiGateway', 'ApiName', name, 'Method', 'POST', 'Resource', '/ponto', 'Stage', '${ApiStage}']; // of punches
  const [punches, deadLetters] = ['PunchQueue', 'DeadLetterQueue'].map((id) => ['AWS/SQS', 'QueueName', `\${${id}.QueueName}`]);
  const batches = ['BatidaPonto', 'FunctionName', '${BatidaPontoLambdaFunction}']; // ponto/log.py
  const drain = lambda('BatidaPonto');
  const cluster = ['AWS/RDS', 'DBClusterIdentifier', clusterName?.Ref ? `\${${clusterName.Ref}}` : clusterName];
  return {
    Gateway: [
      graph('Requests', 'requests',
        line(api, 'Count', 'Sum', 'all'),
        line(api, '4XXError', 'Sum', '4xx'),
        line(api, '5XXError', 'Sum', '5xx')),
      graph('Latency', 'ms',
        line(api, 'Latency', 'p50', 'p50'),
        line(api, 'Latency', 'p99', 'p99'),
        line(api, 'IntegrationLatency', 'p99', 'SQS p99')),
    ],
    Queue: [
      graph('Depth', 'punches',
        line(punches, 'ApproximateNumberOfMessagesVisible', 'Maximum', 'waiting'),
        line(punches, 'ApproximateNumberOfMessagesNotVisible', 'Maximum', 'in flight')),
      graph('Oldest, if received less than three times', 's',
        line(punches, 'ApproximateAgeOfOldestMessage', 'Maximum', 'age')),
      graph('In and out', 'punches',
        line(punches, 'NumberOfMessagesSent', 'Sum', 'sent'),
        line(punches, 'NumberOfMessagesDeleted', 'Sum', 'processed')),
    ],
    Function: [
      graph('Punches', 'punches',
        line(batches, 'stored', 'Sum', 'stored'),
        line(batches, 'duplicates', 'Sum', 'duplicates'),
        line(batches, 'redelivered', 'Sum', 'redelivered'),
        line(batches, 'rejected', 'Sum', 'rejected'),
        line(batches, 'failed', 'Sum', 'failed tries')),
      graph('Age at storing, oldest of a batch', 'ms',
        line(batches, 'oldestMilliseconds', 'p50', 'p50'),
        line(batches, 'oldestMilliseconds', 'p99', 'p99')),
      graph('Age of the oldest that failed', 'ms',
        line(batches, 'oldestFailedMilliseconds', 'Maximum', 'age')),
      graph('Invocations', 'invocations',
        ...invocations(drain),
        line(drain, 'ConcurrentExecutions', 'Maximum', 'at once')),
      graph('Duration', 'ms',
        line(drain, 'Duration', 'p50', 'p50'),
        line(drain, 'Duration', 'p99', 'p99'),
        line(batches, 'milliseconds', 'p99', 'batch p99')),
      graph('Punches in a batch', 'punches',
        line(batches, 'batchSize', 'Average', 'average'),
        line(batches, 'batchSize', 'Maximum', 'largest')),
      graph('Reading', 'invocations', ...invocations(lambda('Read'))),
    ],
    ...(clusterName && { Database: [
      graph('Connections', 'connections',
        line(cluster, 'DatabaseConnections', 'Maximum', 'open')),
      graph('Capacity', 'ACU',
        line(cluster, 'ServerlessDatabaseCapacity', 'Average', 'in use')),
      graph('Share of the largest capacity', '%',
        line(cluster, 'ACUUtilization', 'Average', 'in use')),
    ] }),
    'Dead letters': [
      graph('Waiting for an operator', 'messages',
        line(deadLetters, 'ApproximateNumberOfMessagesVisible', 'Maximum', 'visible')),
      graph('Dead-lettered by the function, by reason', 'punches',
        ...rejections.map((reason) => line(batches, `rejected${reason[0].toUpperCase()}${reason.slice(1)}`, 'Sum', reason))),
    ],
  };
}

function widgets(flow, alarms) {
  const status = { title: 'Alarms', alarms: alarms.map((id) => `\${${id}.Arn}`) };
  const found = [{ type: 'alarm', x: 0, y: 0, width: WIDTH, height: 3, properties: status }];
  flow.forEach(([name, graphs], index) => {
    const x = Math.round((index * WIDTH) / flow.length);
    const width = Math.round(((index + 1) * WIDTH) / flow.length) - x;
    found.push({ type: 'text', x, y: 3, width, height: 1, properties: { markdown: `## ${name}`, background: 'transparent' } });
    graphs.forEach(({ title, unit, metrics }, row) => {
      const yAxis = { left: { min: 0, label: unit, showUnits: false } };
      const properties = { title, metrics, region: '${AWS::Region}', view: 'timeSeries', period: 60, yAxis };
      found.push({ type: 'metric', x, y: 4 + row * HEIGHT, width, height: HEIGHT, properties });
    });
  });
  return found;
}

module.exports = async (context) => {
  const { resolveVariable } = context;
  const named = await resolveVariable('file(resources/derived.js):stackName');
  const signsIn = await resolveVariable('file(resources/derived.js):identity, null');
  const cluster = await resolveVariable('file(resources/database.js):cluster, null');
  // Without sign-in, the function logs no such metric.
  const isLogged = (reason) => reason !== 'identity' || signsIn;
  const flow = columns(named, REASONS.filter(isLogged), cluster);
  for (const [title, declared] of Object.entries(await together(context, 'graphs'))) {
    const { column, unit, invocationsOf, metrics } = declared;
    const unknown = Object.keys(declared).find((key) => !GRAPH_KEYS.includes(key));
    if (unknown) stop(`${origins.get(title)} has the unknown key \`${unknown}\`. Use ${GRAPH_KEYS.join(', ')}.`);
    if (!metrics && !FUNCTIONS.some(({ id }) => id === invocationsOf)) {
      stop(`${origins.get(title)}.invocationsOf is ${invocationsOf}. Use one of ${FUNCTIONS.map(({ id }) => id).join(', ')}, or metrics.`);
    }
    if (column === 'Database' && !cluster) continue; // CloudWatch knows nothing of an existing one
    if (!flow[column]) stop(`${origins.get(title)}.column is ${column}. Use one of ${Object.keys(flow).join(', ')}.`);
    flow[column].push(graph(title, unit, ...(metrics ?? invocations(lambda(invocationsOf)))));
  }
  if (!(await resolveVariable('file(resources/parameters.js):dashboard'))) return {}; // a wrong column has stopped dev, too
  const alarms = await resolveVariable('file(resources/alarms.js):ids');
  return {
    Resources: {
      Dashboard: {
        Type: 'AWS::CloudWatch::Dashboard',
        Properties: {
          DashboardName: named,
          DashboardBody: { 'Fn::Sub': JSON.stringify({ widgets: widgets(Object.entries(flow), alarms) }) },
        },
      },
    },
  };
};
