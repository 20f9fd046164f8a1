// The slices of slices/enabled.txt, and what they add to serverless.yml and to the files beside this one (slices/README.md).
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const http = require('./http.js');
const stop = require('./stop.js');
const read = require('./yaml.js');

const KEYS = ['needs', 'zip', 'parameters', 'http', 'functions', 'Resources', 'Outputs', 'identity', 'alarms', 'graphs'];

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

/** Read a slice's aws.yml; stop with what is wrong with it. */
function add(name) {
  const [folder, file] = [`slices/${name}`, `slices/${name}/aws.yml`];
  if (!existsSync(pathOf(folder))) {
    stop(`\`slices/enabled.txt\` lists \`${name}\`, but there is no folder ${folder}. Remove the line, or restore the folder.`);
  }
  const declared = existsSync(pathOf(file)) ? read(file) : {};
  checkKeys(file, declared);
  const hasValue = ([, value]) => value !== null; // `needs:` alone says nothing
  const slice = { needs: [], zip: [], parameters: {}, http: {}, ...Object.fromEntries(Object.entries(declared).filter(hasValue)) };
  const needed = slice.needs.find((other) => !SLICES.has(other));
  if (needed) {
    const where = `which \`slices/enabled.txt\` does not list before it. Add it above \`${name}\`, or remove \`${name}\`.`;
    stop(`\`${name}\` needs \`${needed}\`, ${where}`);
  }
  SLICES.set(name, { ...slice, endpoints: http.endpoints(name, slice) });
  const loaded = Object.keys(slice.http).length ? ['function.py', ...slice.zip] : slice.zip;
  const missing = loaded.find((each) => !existsSync(pathOf(`${folder}/${each}`)));
  if (missing) stop(`${file}: ${folder} has no ${missing} to zip. Correct the name, or add it.`);
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
  await context.resolveVariable('param:memory'); // with it all parameters are checked, before one that is missing is asked for
  const parts = [];
  for (const [name, slice] of SLICES) {
    const [yml, js] = [`slices/${name}/aws.yml`, `slices/${name}/aws.js`];
    if (key in slice) parts.push([yml, await context.resolveVariable(`file(${yml}):${key}, null`)]);
    if (existsSync(pathOf(js))) parts.push([js, await dynamic(context, js, key)]);
    for (const each of slice.endpoints) parts.push([`${yml}: http.${each.name}`, (await http.template(context, each))[key]]);
  }
  const present = parts.filter(([, part]) => part);
  for (const [origin, part] of present) {
    const empty = Object.keys(part).find((name) => part[name] === null);
    if (empty) stop(`${origin}: ${key}.${empty} is empty. Write what it has, or remove it.`);
  }
  return present;
}

/** @type {Map<string, string>} Where each thing that slices define is from, for messages. */
const origins = new Map();

/** Return what the slices define under a key, by name; two that define the same name stop the deploy. */
async function together(context, key) {
  const all = {};
  for (const [origin, part] of await partsOf(context, key)) {
    for (const [name, value] of Object.entries(part)) {
      if (key === 'Resources' && !value.Type) continue; // a change
      if (name in all) stop(`${origin}: ${key}.${name} is defined by another slice, too. Give it another name.`);
      all[name] = value;
      origins.set(name, `${origin}: ${key}.${name}`);
    }
  }
  return all;
}

/** Return what the slices change of resources that something else defines: what has no Type. */
async function changes(context) {
  const parts = (await partsOf(context, 'Resources')).map(([origin, part]) =>
    Object.entries(part).filter(([, { Type }]) => !Type).map(([id, change]) => ({ origin, id, change }))
  );
  return parts.flat();
}

/** Return what the slices define, for resources: of serverless.yml. */
async function template(context) {
  return { Resources: await together(context, 'Resources'), Outputs: await together(context, 'Outputs') };
}

const sendsPunches = ({ Action, Resource }) => [Action].flat().includes('sqs:SendMessage') && /\bPunchQueue\b/.test(JSON.stringify(Resource));

/** Return who may send to the queue of punches: the slices' roles whose own policies say so, too. */
async function senders(context) {
  const statements = ({ Properties: { Policies = [] } = {} }) => Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
  const roles = Object.entries(await together(context, 'Resources')).filter(([, { Type }]) => Type === 'AWS::IAM::Role');
  const sending = roles.filter(([, role]) => statements(role).some(sendsPunches)).map(([id]) => id);
  return ['ApiRole', 'OperatorRole', ...sending].map((id) => ({ 'Fn::GetAtt': [id, 'Arn'] }));
}

/** The slices that have migrations (slices/enabled.py has the same). */
const withSchema = [...SLICES.keys()].filter((name) => existsSync(pathOf(`slices/${name}/schema`)));

/** Return what is zipped: the code that functions load, and rds_config.py where there is one. */
async function patterns({ resolveVariable }) {
  const always = ['__init__.py', 'slice.py', 'function.py', 'schema']; // where the slice has them
  const files = ([name, { zip }]) =>
    [...always, ...zip].map((each) => `slices/${name}/${each}`).flatMap((path) => [path, `${path}/**`]);
  const list = ['__init__.py', 'definition.py', 'enabled.py', 'enabled.txt'].map((file) => `slices/${file}`);
  const code = ['handler.py', 'ponto/**', '!ponto/testing.py', ...list, ...[...SLICES].flatMap(files)];
  return ['!**', ...code, '!**/__pycache__/**', await resolveVariable('param:packagedConfiguration')];
}

/** Return the slices' functions, for functions: of serverless.yml; stop with a handler in a file that is missing. */
async function functions(context) {
  const all = await together(context, 'functions');
  for (const [name, { handler }] of Object.entries(all)) {
    const file = String(handler).replace(/\.\w+$/, '.py');
    if (!existsSync(pathOf(file))) stop(`${origins.get(name)}.handler: there is no ${file}. Correct the name, or add the file.`);
  }
  return all;
}

module.exports = { ENDPOINTS, SLICES, changes, check, functions, origins, patterns, senders, template, together, withSchema };
