// Lets the function that imports files read the table of documents. Both exist if the parameter uploads is true.
module.exports = async ({ resolveVariable }) =>
  (await resolveVariable('file(resources/parameters.js):uploads'))
    ? { Resources: await resolveVariable('file(slices/clocks/documents.yml)') }
    : {};
