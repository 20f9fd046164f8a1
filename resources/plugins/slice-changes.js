// Plugin of osls: applies the slices' changes to other resources, once all resources are known. It fails if a changed resource does not
// exist, if two slices set the same property differently, and if a slice defines a name that this project already has, which osls would
// merge silently.
const ServerlessError = require('osls/lib/serverless-error.js');
const merge = require('osls/lib/utils/merge-plain-objects.js');
const { origins } = require('../slices.js');

const fail = (message) => {
  throw new ServerlessError(message, 'SLICE_REFUSED');
};

/** Return the logical ids of the resources that osls creates for a function. */
const logicalIds = (name) => ['LambdaFunction', 'LogGroup'].map((kind) => name[0].toUpperCase() + name.slice(1) + kind);

/** Return the names that parts of serverless.yml define. Fails if a slice defines one again. */
function definedNames(parts) {
  const names = parts.flatMap((part) => Object.keys(part ?? {}));
  const duplicate = names.find((name, index) => origins.has(name) && names.indexOf(name) !== index);
  if (duplicate) fail(`${origins.get(duplicate)} exists already in this project. Choose another name.`);
  return names;
}

/** Return whether a resource has the values of a change; a later change may have replaced them. */
function contains(resource, change) {
  if (change === undefined) return true; // nothing is merged
  if (change === null || typeof change !== 'object') return resource === change;
  return Object.entries(change).every(([key, value]) => contains(resource?.[key], value));
}

function apply({ functions, resources }, service) {
  definedNames(resources.map(({ Outputs }) => Outputs));
  const ids = definedNames(functions).flatMap(logicalIds);
  const knownIds = definedNames([...resources.map(({ Resources }) => Resources), Object.fromEntries(ids.map((id) => [id, {}]))]);
  const changes = service.custom.sliceChanges.map(({ change: { DependsOn, ...others }, ...location }) => ({ ...location, DependsOn, others }));
  const extensions = {};
  for (const { origin, id, DependsOn, others } of changes) {
    if (!knownIds.includes(id)) {
      fail(`${origin}: Resources.${id} has no Type, and no resource of this name exists to change. Add a Type, or correct the name.`);
    }
    merge(service.resources, { Resources: { [id]: others } });
    if (DependsOn) extensions[id] = { DependsOn: [...(extensions[id]?.DependsOn ?? []), ...[DependsOn].flat()] };
  }
  // osls overwrites DependsOn of the resources that it creates, but appends dependencies from `extensions`.
  merge(service.resources, { extensions });
  const replaced = changes.find(({ id, others }) => !contains(service.resources.Resources[id], others));
  if (replaced) {
    fail(`${replaced.origin}: Resources.${replaced.id} sets a property that another slice sets differently. Remove one of the two changes.`);
  }
}

module.exports = class SliceChanges {
  constructor(serverless) {
    const parts = { ...serverless.configurationInput }; // osls merges its arrays before the hook
    this.hooks = { initialize: () => apply(parts, serverless.service) };
  }
};
