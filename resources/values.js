/** Return the values of parameters by their names, each of its declared type; null where an optional one is empty. */
module.exports = async ({ resolveVariable }, ...names) => {
  const read = async (name) => [name, await resolveVariable(`file(resources/parameters.js):${name}, null`)];
  return Object.fromEntries(await Promise.all(names.map(read)));
};
