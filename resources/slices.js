// The slices of slices/enabled.txt, and what they add to serverless.yml and to the files beside this one (slices/README.md).
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { basename, dirname, join } = require('node:path');
const http = require('./http.js');
const stop = require('./stop.js');
const read = require('./yaml.js');

const KEYS = [
  'needs', 'zip', 'parameters', 'http', 'functions', 'Resources', 'Outputs', 'overlays', 'senders', 'identity', 'schemaEnvironment',
  'alarms', 'graphs',
];

const pathOf = (file) => join(__dirname, '..', file);

/**
 * The slices by name, in order, with the static part of each: its aws.yml.
 * @type {Map<string, { needs: string[], zip: string[], parameters: object, http: object, endpoints: http.Endpoint[] }>}
 */
const SLICES = new Map();

function checkKeys(file, part) {
  const unknown = Object.keys(part).find((key) => !KEYS.includes(key));
  if (unknown) stop(`${file} has the unknown key \`${unknown}\`. Use one of ${KEYS.join(', ')}.`);
}

/** Return whether a folder has a file of a name, in which * stands for any letters. */
function hasFile(folder, pattern) {
  const name = RegExp(`^${basename(pattern).replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
  const files = pathOf(join(folder, dirname(pattern)));
  return existsSync(files) && readdirSync(files).some((file) => name.test(file));
}

/** Read a slice's aws.yml; stop with what is wrong with it. */
function add(name) {
  const [folder, file] = [`slices/${name}`, `slices/${name}/aws.yml`];
  if (!existsSync(pathOf(folder))) {
    stop(`\`slices/enabled.txt\` lists \`${name}\`, but there is no folder ${folder}. Remove the line, or restore the folder.`);
  }
  const slice = { needs: [], zip: [], parameters: {}, http: {}, ...(existsSync(pathOf(file)) && read(file)) };
  checkKeys(file, slice);
  const needed = slice.needs.find((other) => !SLICES.has(other));
  if (needed) {
    const where = `which \`slices/enabled.txt\` does not list before it. Add it above \`${name}\`, or remove \`${name}\`.`;
    stop(`\`${name}\` needs \`${needed}\`, ${where}`);
  }
  const missing = slice.zip.find((pattern) => !hasFile(folder, pattern));
  if (missing) stop(`${file}: \`zip\` names ${missing}, but ${folder} has no such file. Correct the name, or add the file.`);
  SLICES.set(name, { ...slice, endpoints: http.endpoints(name, slice) });
}

// An error while this file is loaded would be reported for each variable of a file that loads it. `check` reports it
// once: osls resolves params first, and goes no further if it cannot. The slices that were read before the error are
// dropped, because their variables ask for parameters, and each would be reported too.
let problem = null;
try {
  const lines = readFileSync(pathOf('slices/enabled.txt'), 'utf8').split('\n').map((line) => line.replace(/#.*/, '').trim());
  lines.filter(Boolean).forEach(add);
} catch (error) {
  problem = error.message;
  SLICES.clear();
}

/** @type {http.Endpoint[]} */
const ENDPOINTS = [...SLICES.values()].flatMap(({ endpoints }) => endpoints);

/** Stop with what is wrong with the slices; resources/parameters.js calls it first. */
function check() {
  if (problem) stop(problem);
  const names = require('./functions.js').map(({ name }) => name); // here, for that file loads this one
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) stop(`http: two functions are called ${twice}; give the slice's another name.`);
}

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/** Add a slice's part to those of the others; what both define differently stops the deploy. */
function merge(into, part, where) {
  for (const [key, value] of Object.entries(part)) {
    if (isObject(into[key]) && isObject(value)) merge(into[key], value, `${where}.${key}`);
    else if (!(key in into)) into[key] = structuredClone(value);
    else if (JSON.stringify(into[key]) !== JSON.stringify(value)) {
      stop(`${where}.${key} differs from another slice's. Give it another name, or the same value.`);
    }
  }
}

/** Return what a slice's aws.js has under a key: it exports the keys, or a function that returns them. */
async function dynamic(context, file, key) {
  const exported = require(pathOf(file));
  const part = typeof exported === 'function' ? await exported(context) : exported;
  checkKeys(file, part);
  return typeof part[key] === 'function' ? part[key](context) : part[key];
}

/** Return what the slices have under a key, as pairs of its origin and that. */
async function partsOf(context, key) {
  const parts = [];
  for (const [name, slice] of SLICES) {
    const [yml, js] = [`slices/${name}/aws.yml`, `slices/${name}/aws.js`];
    if (key in slice) parts.push([yml, await context.resolveVariable(`file(${yml}):${key}, null`)]);
    if (existsSync(pathOf(js))) parts.push([js, await dynamic(context, js, key)]);
    for (const each of slice.endpoints) parts.push([`${yml}: http.${each.name}`, (await http.template(context, each))[key]]);
  }
  return parts.filter(([, part]) => part);
}

/** Return what the slices have under a key, merged; a name that is taken stops the deploy. */
async function together(context, key, taken = []) {
  const found = {};
  for (const [origin, part] of await partsOf(context, key)) {
    const twice = Object.keys(part).find((name) => taken.includes(name));
    if (twice) stop(`${origin}: ${key} has ${twice}, which the reference has already. Give it another name.`);
    merge(found, part, `${origin}: ${key}`);
  }
  return found;
}

/** Return who may send to the queue of punches. */
async function senders(context) {
  const roles = ['ApiRole', 'OperatorRole', ...Object.keys(await together(context, 'senders'))];
  return roles.map((role) => ({ 'Fn::GetAtt': [role, 'Arn'] }));
}

/** The slices that have migrations (slices/enabled.py has the same). */
const withSchema = [...SLICES.keys()].filter((name) => existsSync(pathOf(`slices/${name}/schema`)));

/** Return what is zipped: the code that functions load, and rds_config.py where there is one. */
async function patterns({ resolveVariable }) {
  const files = ([name, { zip }]) => ['__init__.py', 'slice.py', 'schema/**', ...zip].map((file) => `slices/${name}/${file}`);
  const list = ['__init__.py', 'definition.py', 'enabled.py', 'enabled.txt'].map((file) => `slices/${file}`);
  const code = ['handler.py', 'ponto/**', '!ponto/testing.py', ...list, ...[...SLICES].flatMap(files)];
  return ['!**', ...code, '!**/__pycache__/**', await resolveVariable('param:packagedConfiguration')];
}

/** Return the names of the reference's functions, resources and outputs. */
async function ofReference({ resolveVariable }) {
  const { functions, resources } = read('serverless.yml');
  const own = resources.filter((part) => !String(part).includes('slices.js'));
  const resolve = (part) => (isObject(part) ? part : resolveVariable(part.slice('${'.length, -'}'.length)));
  const parts = await Promise.all(own.map(resolve));
  const names = (key) => parts.flatMap((part) => Object.keys(part?.[key] ?? {}));
  return { functions: Object.keys(functions[0]), Resources: names('Resources'), Outputs: names('Outputs') };
}

/** Return the logical ids of what osls makes of functions. */
const idsOf = (functions) =>
  functions.flatMap((name) => ['LambdaFunction', 'LogGroup'].map((kind) => name[0].toUpperCase() + name.slice(1) + kind));

/** For functions: of serverless.yml. */
const functions = (context) => together(context, 'functions', Object.keys(read('serverless.yml').functions[0]));

/** For resources: of serverless.yml: what the slices add. */
async function template(context) {
  const taken = await ofReference(context);
  return {
    Resources: await together(context, 'Resources', [...taken.Resources, ...idsOf(taken.functions)]),
    Outputs: await together(context, 'Outputs', taken.Outputs),
  };
}

/** For resources: of serverless.yml: what the slices change; of what osls makes of functions, as `extensions`. */
async function overlays(context) {
  const own = await ofReference(context);
  const byOsls = idsOf([...own.functions, ...Object.keys(await functions(context))]);
  const known = [...own.Resources, ...Object.keys(await together(context, 'Resources')), ...byOsls];
  const found = { Resources: {}, extensions: {} };
  for (const [origin, part] of await partsOf(context, 'overlays')) {
    const unknown = Object.keys(part).find((id) => !known.includes(id));
    if (unknown) {
      stop(`${origin}: \`overlays\` changes ${unknown}, but no resource or function has this name. Define it, or correct the name.`);
    }
    for (const [id, change] of Object.entries(part)) {
      merge(byOsls.includes(id) ? found.extensions : found.Resources, { [id]: change }, `${origin}: overlays`);
    }
  }
  return found;
}

module.exports = { ENDPOINTS, SLICES, check, functions, overlays, patterns, senders, template, together, withSchema };
