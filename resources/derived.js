// Values that follow from parameters by arithmetic, which YAML cannot do.
const OUTAGE = 30 * 3600; // s

module.exports = async ({ resolveVariable }) => {
  const number = async (name) => Number(await resolveVariable(`param:${name}`)); // --param gives texts
  // AWS asks for six times the function's timeout plus the batching window.
  const visibilityTimeout = 6 * (await number('timeout')) + (await number('batchingWindow'));
  return {
    visibilityTimeout,
    // Receives until SQS gives up on a message. In an outage a message returns once per visibility timeout, so these
    // last for 30 h: an outage of a day moves nothing. SQS takes at most 1,000.
    maxReceiveCount: Math.min(1000, Math.ceil(OUTAGE / visibilityTimeout)),
  };
};
