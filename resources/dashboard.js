// The CloudWatch dashboard. Its columns follow the data: gateway, queue, function, database, dead letters.
const FUNCTIONS = require('./functions.js');
const { origins, collect } = require('./slices.js');
const fail = require('./lib/fail.js');

const GRAPH_KEYS = ['column', 'unit', 'invocationsOf', 'metrics']; // keys of a slice's graph
const WIDTH = 24; // in units of CloudWatch's grid
const HEIGHT = 6;

// Reasons for which a punch is dead-lettered: `Reason` in ponto/drain/parser.py. A test of the dashboard compares them.
const REASONS = ['malformed', 'invalid', 'identity', 'conflict', 'refused', 'unexpected'];

const lambda = (id) => ['AWS/Lambda', 'FunctionName', `\${${id}LambdaFunction}`];

/** Return a line of a graph: a metric of a namespace and dimensions. */
const line = ([namespace, ...dimensions], name, stat, label) => [namespace, name, ...dimensions, { stat, label }];

const graph = (title, unit, ...metrics) => ({ title, unit, metrics });

/** Return lines for a function's invocations; `source` is its namespace and dimensions. */
const invocations = (source) => [
  line(source, 'Invocations', 'Sum', 'all'),
  line(source, 'Errors', 'Sum', 'errors'),
  line(source, 'Throttles', 'Sum', 'throttles'),
];

/** Return the graphs of each column. */
function createColumns(stackName, reasons, clusterName) {
  const api = ['AWS/ApiGateway', 'ApiName', stackName, 'Method', 'POST', 'Resource', '/ponto', 'Stage', '${ApiStage}']; // of POST /ponto
  const [punches, deadLetters] = ['Queue', 'DeadLetterQueue'].map((id) => ['AWS/SQS', 'QueueName', `\${${id}.QueueName}`]);
  const drainMetrics = ['BatidaPonto', 'FunctionName', '${BatidaPontoLambdaFunction}']; // logged by ponto/shared/log.py
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
        line(drainMetrics, 'stored', 'Sum', 'stored'),
        line(drainMetrics, 'duplicates', 'Sum', 'duplicates'),
        line(drainMetrics, 'redelivered', 'Sum', 'redelivered'),
        line(drainMetrics, 'rejected', 'Sum', 'rejected'),
        line(drainMetrics, 'failed', 'Sum', 'failed tries')),
      graph('Age at storing, oldest of a batch', 'ms',
        line(drainMetrics, 'oldestMilliseconds', 'p50', 'p50'),
        line(drainMetrics, 'oldestMilliseconds', 'p99', 'p99')),
      graph('Age of the oldest that failed', 'ms',
        line(drainMetrics, 'oldestFailedMilliseconds', 'Maximum', 'age')),
      graph('Invocations', 'invocations',
        ...invocations(drain),
        line(drain, 'ConcurrentExecutions', 'Maximum', 'at once')),
      graph('Duration', 'ms',
        line(drain, 'Duration', 'p50', 'p50'),
        line(drain, 'Duration', 'p99', 'p99'),
        line(drainMetrics, 'milliseconds', 'p99', 'batch p99')),
      graph('Punches in a batch', 'punches',
        line(drainMetrics, 'batchSize', 'Average', 'average'),
        line(drainMetrics, 'batchSize', 'Maximum', 'largest')),
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
        ...reasons.map((reason) => line(drainMetrics, `rejected${reason[0].toUpperCase()}${reason.slice(1)}`, 'Sum', reason))),
    ],
  };
}

function createWidgets(columns, alarms) {
  const status = { title: 'Alarms', alarms: alarms.map((id) => `\${${id}.Arn}`) };
  const widgets = [{ type: 'alarm', x: 0, y: 0, width: WIDTH, height: 3, properties: status }];
  columns.forEach(([name, graphs], index) => {
    const x = Math.round((index * WIDTH) / columns.length);
    const width = Math.round(((index + 1) * WIDTH) / columns.length) - x;
    widgets.push({ type: 'text', x, y: 3, width, height: 1, properties: { markdown: `## ${name}`, background: 'transparent' } });
    graphs.forEach(({ title, unit, metrics }, row) => {
      const yAxis = { left: { min: 0, label: unit, showUnits: false } };
      const properties = { title, metrics, region: '${AWS::Region}', view: 'timeSeries', period: 60, yAxis };
      widgets.push({ type: 'metric', x, y: 4 + row * HEIGHT, width, height: HEIGHT, properties });
    });
  });
  return widgets;
}

module.exports = async (context) => {
  const { resolveVariable } = context;
  const stackName = await resolveVariable('file(resources/derived.js):stackName');
  const signInRequired = await resolveVariable('file(resources/derived.js):signInRequired, null');
  const cluster = await resolveVariable('file(resources/database.js):cluster, null');
  // Without sign-in, the function logs no metric for the reason `identity`.
  const isLogged = (reason) => reason !== 'identity' || signInRequired;
  const columns = createColumns(stackName, REASONS.filter(isLogged), cluster);
  for (const [title, declared] of Object.entries(await collect(context, 'graphs'))) {
    const { column, unit, invocationsOf, metrics } = declared;
    const unknown = Object.keys(declared).find((key) => !GRAPH_KEYS.includes(key));
    if (unknown) fail(`${origins.get(title)} has the unknown key \`${unknown}\`. Use ${GRAPH_KEYS.join(', ')}.`);
    if (!metrics && !FUNCTIONS.some(({ id }) => id === invocationsOf)) {
      fail(`${origins.get(title)}.invocationsOf is ${invocationsOf}. Use one of ${FUNCTIONS.map(({ id }) => id).join(', ')}, or metrics.`);
    }
    if (column === 'Database' && !cluster) continue; // an existing database has no metrics here
    if (!columns[column]) fail(`${origins.get(title)}.column is ${column}. Use one of ${Object.keys(columns).join(', ')}.`);
    columns[column].push(graph(title, unit, ...(metrics ?? invocations(lambda(invocationsOf)))));
  }
  if (!(await resolveVariable('file(resources/parameters.js):dashboard'))) return {}; // after the checks, so that a wrong graph also fails in dev
  const alarms = await resolveVariable('file(resources/alarms.js):ids');
  return {
    Resources: {
      Dashboard: { // graphs of the gateway, the queues, the functions and the database
        Type: 'AWS::CloudWatch::Dashboard',
        Properties: {
          DashboardName: stackName,
          DashboardBody: { 'Fn::Sub': JSON.stringify({ widgets: createWidgets(Object.entries(columns), alarms) }) },
        },
      },
    },
  };
};
