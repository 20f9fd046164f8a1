// Functions of the API with a role of the database, by `http` in a slice's aws.yml, such as
// `request: { post: /solicitacao, role: ponto_requests }`. http.yml has what each becomes.
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const read = require('./yaml.js');
const stop = require('./stop.js');

const { parameters: PARAMETERS, callers: CALLERS, ...TEMPLATES } = read('resources/http.yml');
const VERBS = { get: 'GET', list: 'GET', post: 'POST', put: 'PUT', delete: 'DELETE' };
const KEYS = [...Object.keys(VERBS), 'role', 'callers', 'does', 'description', 'environment', 'timeout', 'proposed'];

/**
 * @typedef {{ id: string, method: string, path: string, resource: { Ref: string }, limit: string }} Method
 *   `id` is its logical id; `limit` begins the names of the parameters that throttle it
 * @typedef {{ id: string, parent: object, part: string }} Resource a part of a path; `parent` refers to another
 * @typedef {object} Endpoint
 * @property {string} slice
 * @property {string} name of the function: request
 * @property {string} id with which its logical ids begin: Request
 * @property {string} role of the database
 * @property {string} does what the function does, without its subject
 * @property {string} reserves the parameter that reserves its executions
 * @property {'devices' | 'employees' | 'iam'} callers
 * @property {Method[]} methods
 * @property {Resource[]} resources
 * @property {object} entry as aws.yml has it
 */

const capitalised = (text) => text[0].toUpperCase() + text.slice(1);
const verbsOf = (entry) => Object.keys(entry).filter((key) => key in VERBS);

const OF_REFERENCE = ['function', 'read', 'schema']; // as functions.js and serverless.yml have them

/** Methods that the API has. */
const taken = new Set(['POST /ponto', 'OPTIONS /ponto']);

/** Return whether a slice creates a role of the database. */
function creates(slice, role) {
  const file = join(__dirname, '..', 'slices', slice, 'schema', 'roles.sql');
  return existsSync(file) && RegExp(`^create role ${role}\\b`, 'm').test(readFileSync(file, 'utf8'));
}

/** Stop with what is wrong with an entry. */
function check(where, slice, name, entry) {
  if (!/^[a-z][A-Za-z0-9]*$/.test(name)) stop(`${where}: logical ids begin with this name. Use letters and digits: timeCard.`);
  const unknown = Object.keys(entry).find((key) => !KEYS.includes(key));
  if (unknown) stop(`${where} has the unknown key \`${unknown}\`. Use one of ${KEYS.join(', ')}.`);
  if (OF_REFERENCE.includes(name)) stop(`${where}: the reference has a function of this name. Give it another name.`);
  if (!entry.role) stop(`${where} lacks \`role\`. Name the role of the database: ponto_NAME.`);
  if (!/^ponto_\w+$/.test(entry.role)) stop(`${where}.role is ${entry.role}. Begin the name with ponto_: ponto_${entry.role}.`);
  if (!creates(slice, entry.role)) {
    stop(`${where}.role is ${entry.role}, which slices/${slice}/schema/roles.sql does not create. Add: create role ${entry.role} login;`);
  }
  if (!verbsOf(entry).length) stop(`${where} lacks a method. Add one of ${Object.keys(VERBS).join(', ')} with its path.`);
  const wrong = verbsOf(entry).find((verb) => !/^(\/([\w-]+|\{\w+\}))+$/.test(entry[verb]));
  if (wrong) stop(`${where}.${wrong} is \`${entry[wrong]}\`. Write a path: /name or /name/{id}.`);
  if (entry.callers && !(entry.callers in CALLERS)) {
    stop(`${where}.callers is \`${entry.callers}\`. Use one of ${Object.keys(CALLERS).join(', ')}.`);
  }
  for (const method of verbsOf(entry).map((verb) => `${VERBS[verb]} ${entry[verb]}`)) {
    if (taken.has(method)) stop(`${where} answers ${method}, which exists already. Choose another path.`);
    taken.add(method);
  }
}

/** References to the resource of each path of the API. */
const paths = new Map([['', { 'Fn::GetAtt': ['Api', 'RootResourceId'] }], ['/ponto', { Ref: 'PunchResource' }]]);

/** Return the methods of an endpoint, and the resources that its paths still need. */
function route(id, name, entry) {
  const [methods, resources] = [[], []];
  for (const verb of verbsOf(entry)) {
    const path = entry[verb];
    const isNew = !paths.has(path);
    let parent = '';
    for (const part of path.slice(1).split('/')) {
      const child = `${parent}/${part}`;
      if (!paths.has(child)) {
        const own = `${id}Resource${resources.length || ''}`;
        resources.push({ id: own, parent: paths.get(parent), part });
        paths.set(child, { Ref: own });
      }
      parent = child;
    }
    const resource = paths.get(path);
    methods.push({ id: capitalised(verb) + id + (verb === 'list' ? 's' : ''), method: VERBS[verb], path, resource, limit: name });
    if (isNew && entry.callers === 'employees') {
      methods.push({ id: resource.Ref.replace('Resource', 'Preflight'), method: 'OPTIONS', path, resource, limit: 'preflight' });
    }
  }
  return { methods, resources };
}

/**
 * Return what `http` of a slice defines.
 * @param {string} slice its name
 * @param {{ http: object }} aws its aws.yml
 * @returns {Endpoint[]}
 */
const endpoints = (slice, { http }) =>
  Object.entries(http).map(([name, value]) => {
    const entry = value ?? {};
    check(`slices/${slice}/aws.yml: http.${name}`, slice, name, entry);
    const id = capitalised(name);
    const { role, callers = 'devices' } = entry;
    const { methods, resources } = route(id, name, entry);
    const { does = `answers ${methods[0].method} ${methods[0].path}` } = entry;
    return { slice, name, id, role, does, reserves: `${name}Concurrency`, callers, methods, resources, entry };
  });

/** Return the templates of http.yml, with values in the place of what stands in angle brackets. */
function filled(values) {
  const fill = (word, key) => (key in values ? JSON.stringify(values[key]).slice(1, -1) : word);
  return JSON.parse(JSON.stringify(TEMPLATES).replace(/<(\w+)>/g, fill));
}

const withProperties = (resource, more) => ({ ...resource, Properties: { ...resource.Properties, ...more } });

/**
 * Return what an endpoint adds to the stack, by the keys of aws.yml.
 * @param {{ resolveVariable: Function }} context osls's
 * @param {Endpoint} endpoint
 */
async function template({ resolveVariable }, { slice, name, id: Id, does, callers, methods, resources, entry }) {
  const origin = await resolveVariable('param:corsOrigin');
  const { description = capitalised(does), environment, timeout } = entry;
  const values = { slice, name, Id, does, description, origin };
  const { function: lambda, functionMetadata, invocation, resource, method } = filled(values);
  const Resources = { [`${Id}Invocation`]: invocation, [`${Id}LambdaFunction`]: functionMetadata };
  for (const { id, parent, part } of resources) Resources[id] = withProperties(resource, { ParentId: parent, PathPart: part });
  const answered = methods.filter((each) => each.method !== 'OPTIONS');
  for (const { id, method: HttpMethod, resource: ResourceId } of answered) {
    Resources[id] = withProperties(method, { ResourceId, HttpMethod, ...CALLERS[callers] });
  }
  for (const { id, path, resource: ResourceId } of methods.filter((each) => each.method === 'OPTIONS')) {
    const allowed = [...answered.filter((each) => each.path === path).map((each) => each.method), 'OPTIONS'].join();
    Resources[id] = withProperties(filled({ ...values, allowed }).preflight, { ResourceId });
  }
  const cors = callers === 'employees' && { CORS_ORIGIN: origin };
  const own = { environment: { ...lambda.environment, ...cors, ...environment }, ...(timeout && { timeout }) };
  return { functions: { [name]: { ...lambda, ...own } }, Resources };
}

module.exports = { PARAMETERS, endpoints, template };
