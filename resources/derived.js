// Values that follow from parameters by arithmetic, which YAML cannot do.
module.exports = async ({ resolveVariable }) => {
  const number = async (name) => Number(await resolveVariable(`param:${name}`)); // --param gives texts
  return {
    // AWS asks for six times the function's timeout plus the batching window.
    visibilityTimeout: 6 * (await number('timeout')) + (await number('batchingWindow')),
  };
};
