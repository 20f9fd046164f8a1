// The slices that are there (slices/*/slice.yml), and what they add to serverless.yml and to the files beside this one.
// Whoever deletes a slice's folder takes its part out of every list below. slices/README.md says what a slice may declare.
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { load } = require('js-yaml');
const cloudFormation = require('osls/lib/utils/serverless-utils/cloudformation-schema.js');
const stop = require('./stop.js');

const ROOT = join(__dirname, '..');
const FOLDER = join(ROOT, 'slices');

/** What stands in a file of YAML; what is wrong with it is said with its name. */
const read = (filename) => load(readFileSync(join(ROOT, filename), 'utf8'), { filename }) ?? {};

const named = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => existsSync(join(FOLDER, name, 'slice.yml'))).sort() : [];

/** By name, with what slice.yml says; a slice comes behind those that it needs. */
const SLICES = new Map();
function add(name, neededBy) {
  if (!named.includes(name)) stop(`slices/${neededBy.at(-1)} needs slices/${name}, which is not there: bring it back, or delete both.`);
  if (neededBy.includes(name)) stop(`slices/${name} needs itself, by ${[...neededBy, name].join(' -> ')}.`);
  if (SLICES.has(name)) return;
  const slice = read(`slices/${name}/slice.yml`);
  for (const other of slice.needs ?? []) add(other, [...neededBy, name]);
  SLICES.set(name, slice);
}
/** What all slices together have under a name: lists, one behind the other. */
const listed = (key) => [...SLICES.values()].flatMap((slice) => slice[key] ?? []);

/** Declarations of parameters by name: those of resources/parameters.yml, and those of the slices. */
const DECLARATIONS = {};
/** Values of parameters by stage, of resources/parameters.yml alone, so that none goes unnoticed with a slice's folder. */
const STAGES = {};

function collect() {
  const { parameters: ofReference, ...stages } = read('resources/parameters.yml');
  Object.assign(DECLARATIONS, ofReference);
  for (const name of named) add(name, []);
  for (const [name, { parameters }] of SLICES) {
    for (const [parameter, declaration] of Object.entries(parameters ?? {})) {
      if (parameter in DECLARATIONS) stop(`slices/${name}/slice.yml: there is a parameter ${parameter} already.`);
      DECLARATIONS[parameter] = declaration;
    }
  }
  for (const [stage, values] of Object.entries(stages)) {
    STAGES[stage] = values ?? {};
    const unknown = Object.keys(STAGES[stage]).find((name) => !(name in DECLARATIONS));
    if (unknown) stop(`${stage} has a parameter ${unknown}, which has no default: is the slice that has it gone?`);
  }
}

// An error while this file is loaded would be reported for each variable of a file that loads it. `check` reports it
// once: osls resolves params first, and goes no further if it cannot. Slices that were collected before the error are
// dropped, because their variables ask for parameters, and each would be reported too.
let problem = null;
try {
  collect();
} catch (error) {
  problem = error.message;
  SLICES.clear();
}

/** Stop with what is wrong with the slices; resources/parameters.js calls it first. */
function check() {
  if (problem) stop(problem);
  const names = require('./functions.js').map(({ name }) => name); // here, for that file loads this one
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) stop(`databaseFunctions: two are called ${twice}; give the slice's another name.`);
}

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/** Lays a slice's part over those of the others; what two of them say differently stops the deploy. */
function merged(into, part, path) {
  for (const [key, value] of Object.entries(part)) {
    if (isObject(into[key]) && isObject(value)) merged(into[key], value, `${path}.${key}`);
    else if (!(key in into)) into[key] = structuredClone(value);
    else if (JSON.stringify(into[key]) !== JSON.stringify(value)) stop(`Two slices differ about ${path}.${key}.`);
  }
  return into;
}

/** What each slice's aws.js or aws.yml has under a name, as pairs of the file and that. */
async function partsOf({ resolveVariable }, key) {
  const files = [...SLICES.keys()].flatMap((name) =>
    ['aws.js', 'aws.yml'].map((file) => `slices/${name}/${file}`).filter((file) => existsSync(join(ROOT, file))).slice(0, 1)
  );
  return Promise.all(files.map(async (file) => [file, (await resolveVariable(`file(${file}):${key}, null`)) ?? {}]));
}

/** What the slices' aws.js or aws.yml have under a name, one over the other; a name that is taken stops the deploy. */
async function together(context, key, taken = []) {
  const found = {};
  for (const [file, part] of await partsOf(context, key)) {
    const twice = Object.keys(part).find((name) => taken.includes(name));
    if (twice) stop(`${file}: ${key} has ${twice}, which the reference has already; give it another name (slices/README.md).`);
    merged(found, part, key);
  }
  return found;
}

/** serverless.yml: the names of its own functions, and its own resources: variables in braces, or what they would give. */
function ofReference() {
  const { functions, resources } = load(readFileSync(join(ROOT, 'serverless.yml'), 'utf8'), { schema: cloudFormation });
  return { functions: Object.keys(functions[0]), resources: resources.filter((part) => !String(part).includes('slices.js')) };
}

/** Who may send to the queue of punches. */
async function senders(context) {
  const roles = ['ApiRole', 'OperatorRole', ...Object.keys(await together(context, 'senders'))];
  return roles.map((role) => ({ 'Fn::GetAtt': [role, 'Arn'] }));
}

/** Those that bring migrations (tools/kit/slices.py has the same). */
const withSchema = [...SLICES.keys()].filter((name) => existsSync(join(FOLDER, name, 'schema')));

/** What is zipped: the code that functions load, and rds_config.py where there is one. */
async function patterns({ resolveVariable }) {
  const deployed = [...SLICES].flatMap(([name, slice]) =>
    slice.deployed ? ['__init__.py', ...slice.deployed].map((file) => `slices/${name}/${file}`) : []
  );
  const migrations = withSchema.map((name) => `slices/${name}/schema/**`);
  const code = ['handler.py', 'ponto/**', '!ponto/testing.py', 'slices/__init__.py', 'slices/installed.py'];
  const always = ['!**', ...code, ...deployed, ...migrations];
  return [...always, '!**/__pycache__/**', await resolveVariable('param:packagedConfiguration')];
}

/** For functions: of serverless.yml. */
const functions = (context) => together(context, 'functions', ofReference().functions);

/** For resources: of serverless.yml: what the slices bring. */
async function template(context) {
  const { functions: own, resources } = ofReference();
  const resolved = (part) => (isObject(part) ? part : context.resolveVariable(part.slice('${'.length, -'}'.length)));
  const parts = await Promise.all(resources.map(resolved));
  const names = (key) => parts.flatMap((part) => Object.keys(part?.[key] ?? {}));
  const byOsls = own.flatMap((name) => ['LambdaFunction', 'LogGroup'].map((kind) => name[0].toUpperCase() + name.slice(1) + kind));
  return {
    Resources: await together(context, 'Resources', [...names('Resources'), ...byOsls]),
    Outputs: await together(context, 'Outputs', names('Outputs')),
  };
}

/** For resources: of serverless.yml, which lays it over what the reference and the slices bring. */
async function overlays(context) {
  return { Resources: await together(context, 'overlays'), extensions: await together(context, 'extensions') };
}

module.exports = {
  DECLARATIONS,
  STAGES,
  check,
  listed,
  together,
  functions,
  template,
  overlays,
  patterns,
  senders,
  withSchema,
};
