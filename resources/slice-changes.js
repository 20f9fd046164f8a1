// A plugin of osls: changes what the slices change of other resources, once all resources are known. It stops where nothing defines
// what a slice changes, where two slices change the same property differently, and where a slice defines what the reference has: osls
// would merge that silently.
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
  const twice = names.find((name, index) => origins.has(name) && names.indexOf(name) !== index);
  if (twice) stop(`${origins.get(twice)} exists already in the reference. Give it another name.`);
  return names;
}

/** Return whether a resource has what a change says, which a later change may have replaced. */
function holds(resource, change) {
  if (change === undefined) return true; // nothing is merged
  if (change === null || typeof change !== 'object') return resource === change;
  return Object.entries(change).every(([key, value]) => holds(resource?.[key], value));
}

function apply({ functions, resources }, service) {
  definedBy(resources.map(({ Outputs }) => Outputs));
  const ids = definedBy(functions).flatMap(idsOf);
  const known = definedBy([...resources.map(({ Resources }) => Resources), Object.fromEntries(ids.map((id) => [id, {}]))]);
  const changes = service.custom.changesBySlices.map(({ change: { DependsOn, ...others }, ...each }) => ({ ...each, DependsOn, others }));
  const extensions = {};
  for (const { origin, id, DependsOn, others } of changes) {
    if (!known.includes(id)) {
      stop(`${origin}: Resources.${id} has no Type, and changes nothing that exists. Add its Type, or correct the name.`);
    }
    merge(service.resources, { Resources: { [id]: others } });
    if (DependsOn) extensions[id] = { DependsOn: [...(extensions[id]?.DependsOn ?? []), ...[DependsOn].flat()] };
  }
  // osls replaces the dependencies of what it makes, but adds to them what stands under `extensions`.
  merge(service.resources, { extensions });
  const replaced = changes.find(({ id, others }) => !holds(service.resources.Resources[id], others));
  if (replaced) {
    stop(`${replaced.origin}: Resources.${replaced.id} changes what another slice changes differently. Remove one of the two changes.`);
  }
}

module.exports = class SliceChanges {
  constructor(serverless) {
    const parts = { ...serverless.configurationInput }; // osls merges its arrays before the hook
    this.hooks = { initialize: () => apply(parts, serverless.service) };
  }
};
