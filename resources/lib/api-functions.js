// API functions that slices declare under `http` in aws.yml, such as `note: { post: /note, role: ponto_notes }`.
// Their templates are in api-functions.yml.
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const read = require('./yaml.js');
const fail = require('./fail.js');

const { parameters: API_FUNCTION_PARAMETERS, callers: CALLERS, ...TEMPLATES } = read('resources/lib/api-functions.yml');
const VERBS = { get: 'GET', list: 'GET', post: 'POST', put: 'PUT', delete: 'DELETE' };
const KEYS = [...Object.keys(VERBS), 'role', 'callers', 'purpose', 'description', 'environment', 'timeout', 'nextStep'];

/**
 * @typedef {{ id: string, method: string, path: string, resource: { Ref: string }, throttle: string }} Method
 *   `id` is its logical id; `throttle` is the prefix of the parameters that throttle it
 * @typedef {{ id: string, parent: object, segment: string }} Resource a segment of a path, below the resource that `parent` references
 * @typedef {object} Endpoint
 * @property {string} slice name of the slice
 * @property {string} name name of the function, such as `request`
 * @property {string} id prefix of its logical ids, such as `Request`
 * @property {string} role its role in the database
 * @property {string} purpose verb phrase that completes "the function that ..."
 * @property {'devices' | 'users' | 'iam'} callers
 * @property {Method[]} methods
 * @property {Resource[]} resources
 * @property {object} entry the declaration in aws.yml
 */

const capitalised = (text) => text[0].toUpperCase() + text.slice(1);
const listVerbs = (entry) => Object.keys(entry).filter((key) => key in VERBS);

const BUILT_IN_FUNCTIONS = ['drain', 'read', 'schema']; // named in functions.js and serverless.yml

/** Methods that the API already has. */
const existingMethods = new Set(['POST /ponto', 'OPTIONS /ponto']);

/** Return whether a slice creates a database role. */
function createsRole(slice, role) {
  const file = join(__dirname, '..', '..', 'slices', slice, 'schema', 'roles.sql');
  return existsSync(file) && RegExp(`^create role ${role}\\b`, 'm').test(readFileSync(file, 'utf8'));
}

/** Fail if an entry is invalid. */
function check(where, slice, name, entry) {
  if (!/^[a-z][A-Za-z0-9]*$/.test(name)) fail(`${where}: the name must be camelCase letters and digits, such as myNotes, because logical ids begin with it.`);
  const unknown = Object.keys(entry).find((key) => !KEYS.includes(key));
  if (unknown) fail(`${where} has the unknown key \`${unknown}\`. Use one of ${KEYS.join(', ')}.`);
  if (BUILT_IN_FUNCTIONS.includes(name)) fail(`${where}: this project already has a function of this name. Choose another name.`);
  if (!entry.role) fail(`${where} lacks \`role\`. Add the function's database role: ponto_NAME.`);
  if (!/^ponto_\w+$/.test(entry.role)) fail(`${where}.role is ${entry.role}. Begin the name with ponto_: ponto_${entry.role}.`);
  if (!createsRole(slice, entry.role)) {
    fail(`${where}.role is ${entry.role}, which slices/${slice}/schema/roles.sql does not create. Add: create role ${entry.role} login;`);
  }
  if (!listVerbs(entry).length) fail(`${where} lacks a method. Add one of ${Object.keys(VERBS).join(', ')} with its path.`);
  const invalidVerb = listVerbs(entry).find((verb) => !/^(\/([\w-]+|\{\w+\}))+$/.test(entry[verb]));
  if (invalidVerb) fail(`${where}.${invalidVerb} is \`${entry[invalidVerb]}\`. Write a path: /name or /name/{id}.`);
  if (entry.callers && !(entry.callers in CALLERS)) {
    fail(`${where}.callers is \`${entry.callers}\`. Use one of ${Object.keys(CALLERS).join(', ')}.`);
  }
  for (const method of listVerbs(entry).map((verb) => `${VERBS[verb]} ${entry[verb]}`)) {
    if (existingMethods.has(method)) fail(`${where} answers ${method}, which exists already. Choose another path.`);
    existingMethods.add(method);
  }
}

/** References to the resource of each path of the API. */
const paths = new Map([['', { 'Fn::GetAtt': ['Api', 'RootResourceId'] }], ['/ponto', { Ref: 'EventResource' }]]);

/** Return the methods of an endpoint, and new resources for its paths. */
function route(id, name, entry) {
  const [methods, resources] = [[], []];
  for (const verb of listVerbs(entry)) {
    const path = entry[verb];
    const isNew = !paths.has(path);
    let parent = '';
    for (const segment of path.slice(1).split('/')) {
      const child = `${parent}/${segment}`;
      if (!paths.has(child)) {
        const resourceId = `${id}Resource${resources.length || ''}`;
        resources.push({ id: resourceId, parent: paths.get(parent), segment });
        paths.set(child, { Ref: resourceId });
      }
      parent = child;
    }
    const resource = paths.get(path);
    methods.push({ id: capitalised(verb) + id + (verb === 'list' ? 's' : ''), method: VERBS[verb], path, resource, throttle: name });
    if (isNew && entry.callers === 'users') {
      methods.push({ id: resource.Ref.replace('Resource', 'Preflight'), method: 'OPTIONS', path, resource, throttle: 'preflight' });
    }
  }
  return { methods, resources };
}

/**
 * Return the endpoints that a slice declares under `http`.
 * @param {string} slice name of the slice
 * @param {{ http: object }} aws content of its aws.yml
 * @returns {Endpoint[]}
 */
const endpoints = (slice, { http }) =>
  Object.entries(http).map(([name, value]) => {
    const entry = value ?? {};
    check(`slices/${slice}/aws.yml: http.${name}`, slice, name, entry);
    const id = capitalised(name);
    const { role, callers = 'devices' } = entry;
    const { methods, resources } = route(id, name, entry);
    const { purpose = `answers ${methods[0].method} ${methods[0].path}` } = entry;
    return { slice, name, id, role, purpose, callers, methods, resources, entry };
  });

/** Return the templates of api-functions.yml with their `<placeholders>` replaced by values. */
function fillTemplates(values) {
  const fill = (word, key) => (key in values ? JSON.stringify(values[key]).slice(1, -1) : word);
  return JSON.parse(JSON.stringify(TEMPLATES).replace(/<(\w+)>/g, fill));
}

const addProperties = (resource, extraProperties) => ({ ...resource, Properties: { ...resource.Properties, ...extraProperties } });

/**
 * Return the functions and resources of an endpoint, under the keys of aws.yml.
 * @param {{ resolveVariable: Function }} context osls's variable context
 * @param {Endpoint} endpoint
 */
async function template({ resolveVariable }, { slice, name, id: prefix, purpose, callers, methods, resources, entry }) {
  const origin = await resolveVariable('param:corsOrigin');
  const { description = capitalised(purpose), environment, timeout } = entry;
  const values = { slice, name, prefix, description, origin };
  const { function: lambda, functionMetadata, resource, method } = fillTemplates(values);
  const Resources = { [`${prefix}LambdaFunction`]: functionMetadata };
  for (const { id, parent, segment } of resources) Resources[id] = addProperties(resource, { ParentId: parent, PathPart: segment });
  const mainMethods = methods.filter((candidate) => candidate.method !== 'OPTIONS');
  for (const { id, method: HttpMethod, resource: ResourceId } of mainMethods) {
    Resources[id] = addProperties(method, { ResourceId, HttpMethod, ...CALLERS[callers] });
  }
  for (const { id, path, resource: ResourceId } of methods.filter((candidate) => candidate.method === 'OPTIONS')) {
    const allowed = [...mainMethods.filter((main) => main.path === path).map((main) => main.method), 'OPTIONS'].join();
    Resources[id] = addProperties(fillTemplates({ ...values, allowed }).preflight, { ResourceId });
  }
  const cors = callers === 'users' && { CORS_ORIGIN: origin };
  const properties = { environment: { ...lambda.environment, ...cors, ...environment }, ...(timeout && { timeout }) };
  return { functions: { [name]: { ...lambda, ...properties } }, Resources };
}

module.exports = { API_FUNCTION_PARAMETERS, endpoints, template };
