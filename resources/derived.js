// Values that follow from parameters by arithmetic, which YAML cannot do. Times are in seconds.
const OUTAGE = 30 * 3600; // an outage of the database, at least, before a message that fails is dead-lettered
const PAUSE = 7 * 86400; // of the drain, by an operator
const RETENTION = PAUSE + 2 * 86400; // whole days; a pause and then an outage lose nothing
const FIRST_RETRY = 5;
const MOST_RECEIVES = 1000; // that SQS takes for maxReceiveCount

// How long a message that failed for the first, second, ... time stays hidden. Each time twice as long, up to the
// queue's own visibility timeout, which is the last and holds from then on.
const retryDelays = (visibility) => {
  const delays = [];
  for (let delay = FIRST_RETRY; delay < visibility; delay *= 2) delays.push(delay);
  return [...delays, visibility];
};

// Receives after which SQS dead-letters a message: those of an outage. In it a message returns after each delay.
const receives = (visibility) => {
  const sooner = retryDelays(visibility).slice(0, -1);
  const rest = OUTAGE - sooner.reduce((sum, delay) => sum + delay, 0);
  return sooner.length + Math.max(0, Math.ceil(rest / visibility));
};

module.exports = async ({ resolveVariable }) => {
  const number = async (name) => Number(await resolveVariable(`param:${name}`)); // --param gives texts
  // AWS asks for six times the function's timeout plus the batching window.
  let visibilityTimeout = 6 * (await number('timeout')) + (await number('batchingWindow'));
  while (receives(visibilityTimeout) > MOST_RECEIVES) visibilityTimeout += 1;
  return {
    visibilityTimeout,
    maxReceiveCount: receives(visibilityTimeout),
    retryDelays: retryDelays(visibilityTimeout).join(','),
    retentionPeriod: RETENTION,
  };
};
