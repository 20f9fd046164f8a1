// A plugin of osls: changes what the slices change of other resources, once all resources are known. It stops where nothing defines
// what a slice changes, and where a slice defines what the reference has: osls would merge that silently.
const ServerlessError = require('osls/lib/serverless-error.js');
const merge = require('osls/lib/utils/merge-plain-objects.js');
const { origins } = require('./slices.js');

const stop = (message) => {
  throw new ServerlessError(message, 'SLICE_REFUSED');
};

/** Return the logical ids of what osls makes of a function. */
const idsOf = (name) => ['LambdaFunction', 'LogGroup'].map((kind) => name[0].toUpperCase() + name.slice(1) + kind);

/** Return the names that parts of serverless.yml define; stop with one that a slice defines again. */
function definedBy(parts) {
  const names = parts.flatMap((part) => Object.keys(part ?? {}));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) stop(`${origins.get(twice)} exists already in the reference. Give it another name.`);
  return names;
}

function apply({ functions, resources }, service) {
  definedBy(resources.map(({ Outputs }) => Outputs));
  const ids = definedBy(functions).flatMap(idsOf);
  const known = definedBy([...resources.map(({ Resources }) => Resources), Object.fromEntries(ids.map((id) => [id, {}]))]);
  for (const { origin, id, change: { DependsOn, ...others } } of service.custom.changesBySlices) {
    if (!known.includes(id)) {
      stop(`${origin}: Resources.${id} has no Type, and changes nothing that exists. Add its Type, or correct the name.`);
    }
    // osls replaces the dependencies of what it makes, but adds to them what stands under `extensions`.
    merge(service.resources, { Resources: { [id]: others }, extensions: DependsOn && { [id]: { DependsOn } } });
  }
}

module.exports = class SliceChanges {
  constructor(serverless) {
    const parts = { ...serverless.configurationInput }; // osls merges its arrays before the hook
    this.hooks = { initialize: () => apply(parts, serverless.service) };
  }
};
