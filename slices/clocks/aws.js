// The table of documents, which the function that imports files reads of the bucket: both are there with the parameter uploads.
module.exports = async ({ resolveVariable }) =>
  (await resolveVariable('file(resources/parameters.js):uploads'))
    ? { Resources: await resolveVariable('file(slices/clocks/documents.yml)') }
    : {};
