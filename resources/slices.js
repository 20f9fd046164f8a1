// The slices of slices/enabled.txt, and their additions to serverless.yml and to the other files of this folder (slices/README.md).
const { existsSync, readFileSync } = require('node:fs');
const { join, posix } = require('node:path');
const apiFunctions = require('./lib/api-functions.js');
const fail = require('./lib/fail.js');
const readYaml = require('./lib/yaml.js');

const KEYS = ['needs', 'zip', 'parameters', 'http', 'functions', 'Resources', 'Outputs', 'identity', 'alarms', 'graphs'];

const resolvePath = (file) => join(__dirname, '..', file);

/**
 * The slices by name, in the order of enabled.txt, each with the content of its aws.yml.
 * @type {Map<string, { needs: string[], zip: string[], parameters: object, http: object, endpoints: apiFunctions.Endpoint[] }>}
 */
const SLICES = new Map();

function checkKeys(file, part) {
  const unknown = Object.keys(part).find((key) => !KEYS.includes(key));
  if (unknown) fail(`${file} has the unknown key \`${unknown}\`. Use one of ${KEYS.join(', ')}.`);
}

/** Load a slice's aws.yml. Fails if the declaration is invalid. */
function load(name) {
  const [folder, file] = [`slices/${name}`, `slices/${name}/aws.yml`];
  if (SLICES.has(name)) fail(`\`slices/enabled.txt\` lists \`${name}\` twice. Remove one of the lines.`);
  if (!existsSync(resolvePath(folder))) {
    fail(`\`slices/enabled.txt\` lists \`${name}\`, but there is no folder ${folder}. Remove the line, or restore the folder.`);
  }
  const declared = existsSync(resolvePath(file)) ? readYaml(file) : {};
  checkKeys(file, declared);
  const hasValue = ([, value]) => value !== null; // `needs:` without a value is the same as no `needs`
  const slice = { needs: [], zip: [], parameters: {}, http: {}, ...Object.fromEntries(Object.entries(declared).filter(hasValue)) };
  const unknownSlice = slice.needs.find((other) => !existsSync(resolvePath(`slices/${other}`)));
  if (unknownSlice) fail(`${file}: needs: there is no folder slices/${unknownSlice}. Correct the name, or remove it.`);
  const missingSlice = slice.needs.find((other) => !SLICES.has(other));
  if (missingSlice) {
    const advice = `which \`slices/enabled.txt\` does not list before it. Add it above \`${name}\`, or remove \`${name}\`.`;
    fail(`\`${name}\` needs \`${missingSlice}\`, ${advice}`);
  }
  SLICES.set(name, { ...slice, endpoints: apiFunctions.endpoints(name, slice) });
  const zipped = Object.keys(slice.http).length ? ['function.py', ...slice.zip] : slice.zip;
  const missingFile = zipped.find((path) => !existsSync(resolvePath(`${folder}/${path}`)));
  if (missingFile) fail(`${file}: ${folder} has no ${missingFile} to zip. Correct the name, or add the file.`);
}

// osls would report an error of loading this file once for each variable that refers to a file that requires it. So `check` reports it
// once: osls resolves `params` first, and stops if that fails. Slices that were loaded before the error are dropped, because osls would
// report each of their parameters, too.
let loadError = null;
try {
  const lines = readFileSync(resolvePath('slices/enabled.txt'), 'utf8').split('\n').map((line) => line.replace(/#.*/, '').trim());
  lines.filter(Boolean).forEach(load);
} catch (error) {
  loadError = error.message;
  SLICES.clear();
}

/** @type {apiFunctions.Endpoint[]} */
const ENDPOINTS = [...SLICES.values()].flatMap(({ endpoints }) => endpoints);

/** Fail if a slice's declaration is invalid; resources/parameters.js calls this first. */
function check() {
  if (loadError) fail(loadError);
}

/** Return the value of a key in a slice's aws.js, which exports the keys, or a function that returns them. */
async function readModule(context, file, key) {
  const exported = require(resolvePath(file));
  const part = typeof exported === 'function' ? await exported(context) : exported;
  checkKeys(file, part);
  return typeof part[key] === 'function' ? part[key](context) : part[key];
}

/** Return the slices' values of a key, as pairs of file and value. */
async function collectParts(context, key) {
  await context.resolveVariable('param:functionMemory'); // checks all parameters before a missing one is resolved
  const parts = [];
  for (const [name, slice] of SLICES) {
    const [yml, js] = [`slices/${name}/aws.yml`, `slices/${name}/aws.js`];
    if (key in slice) parts.push([yml, await context.resolveVariable(`file(${yml}):${key}, null`)]);
    if (existsSync(resolvePath(js))) parts.push([js, await readModule(context, js, key)]);
    for (const endpoint of slice.endpoints) parts.push([`${yml}: http.${endpoint.name}`, (await apiFunctions.template(context, endpoint))[key]]);
  }
  const present = parts.filter(([, part]) => part);
  for (const [origin, part] of present) {
    const empty = Object.keys(part).find((name) => part[name] === null);
    if (empty) fail(`${origin}: ${key}.${empty} is empty. Add its content, or remove it.`);
  }
  return present;
}

/** @type {Map<string, string>} For error messages: file and key of each name that a slice defines. */
const origins = new Map();

/** Return the definitions of all slices under a key, by name. Fails if two slices define the same name. */
async function collect(context, key) {
  const all = {};
  for (const [origin, part] of await collectParts(context, key)) {
    for (const [name, value] of Object.entries(part)) {
      if (key === 'Resources' && !value.Type) continue; // changes a resource that is defined elsewhere
      if (name in all) fail(`${origin}: ${key}.${name} is defined by another slice, too. Choose another name.`);
      all[name] = value;
      origins.set(name, `${origin}: ${key}.${name}`);
    }
  }
  return all;
}

/** Return the slices' changes to resources that are defined elsewhere: entries without a Type. */
async function changes(context) {
  const parts = (await collectParts(context, 'Resources')).map(([origin, part]) =>
    Object.entries(part).filter(([, { Type }]) => !Type).map(([id, change]) => ({ origin, id, change }))
  );
  return parts.flat();
}

/** Return the slices' resources and outputs, for `resources` of serverless.yml. */
async function template(context) {
  return { Resources: await collect(context, 'Resources'), Outputs: await collect(context, 'Outputs') };
}

const sendsPunches = ({ Action, Resource }) => [Action].flat().includes('sqs:SendMessage') && /\bQueue\b/.test(JSON.stringify(Resource));

/** Return the ARNs of the roles that may send to the queue of punches, including slices' roles whose policies allow it. */
async function senders(context) {
  const statements = ({ Properties: { Policies = [] } = {} }) => Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
  const roles = Object.entries(await collect(context, 'Resources')).filter(([, { Type }]) => Type === 'AWS::IAM::Role');
  const senderRoles = roles.filter(([, role]) => statements(role).some(sendsPunches)).map(([id]) => id);
  return ['ApiRole', 'OperatorRole', ...senderRoles].map((id) => ({ 'Fn::GetAtt': [id, 'Arn'] }));
}

/** Names of the slices that have migrations (as in ponto/enabled_slices.py). */
const slicesWithMigrations = [...SLICES.keys()].filter((name) => existsSync(resolvePath(`slices/${name}/schema`)));

/** Return the patterns of files to zip: the functions' code, and rds_config.py if it exists. */
async function patterns({ resolveVariable }) {
  const standardFiles = ['__init__.py', 'function.py', 'statements.py', 'reads', 'schema_hooks.py', 'schema']; // if the slice has them
  const files = ([name, { zip, endpoints }]) =>
    [...standardFiles, ...zip, ...(endpoints.length ? ['../http.py'] : [])]
      .map((entry) => posix.join('slices', name, entry))
      .flatMap((path) => [path, `${path}/**`]);
  const code = ['handler.py', 'ponto/**', 'slices/__init__.py', 'slices/enabled.txt', ...[...SLICES].flatMap(files)];
  return ['!**', ...code, '!**/__pycache__/**', await resolveVariable('param:packagedConfiguration')];
}

/** Return the slices' functions, for `functions` of serverless.yml. Fails if the file of a handler is missing. */
async function functions(context) {
  const all = await collect(context, 'functions');
  for (const [name, { handler }] of Object.entries(all)) {
    const file = String(handler).replace(/\.\w+$/, '.py');
    if (!existsSync(resolvePath(file))) fail(`${origins.get(name)}.handler: there is no ${file}. Correct the name, or add the file.`);
  }
  return all;
}

module.exports = { ENDPOINTS, SLICES, changes, check, functions, origins, patterns, senders, template, collect, slicesWithMigrations };
