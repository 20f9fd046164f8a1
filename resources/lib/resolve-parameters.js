/** Return parameters' values by name, with their declared types; null if an optional parameter is empty. */
module.exports = async ({ resolveVariable }, ...names) => {
  const read = async (name) => [name, await resolveVariable(`file(resources/parameters.js):${name}, null`)];
  return Object.fromEntries(await Promise.all(names.map(read)));
};
