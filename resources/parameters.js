// Typed access to the parameters that parameters.yml and slices/*/aws.yml declare: `${file(resources/parameters.js):backupDays}` resolves
// to a number, although values from --param are strings. `stages` fails on a value that the declaration excludes.
const { readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');
const { API_FUNCTION_PARAMETERS } = require('./lib/api-functions.js');
const { SLICES, check: checkSlices } = require('./slices.js');
const fail = require('./lib/fail.js');
const readYaml = require('./lib/yaml.js');

// resources/parameters.yml has the base's declarations and the values of all parameters, slices' included: values in a slice's folder would
// be ignored without an error while the slice is disabled.
const { parameters: baseDeclarations, ...STAGE_VALUES } = readYaml('resources/parameters.yml');
for (const stage of Object.keys(STAGE_VALUES)) STAGE_VALUES[stage] ??= {};
const DECLARATIONS = { ...baseDeclarations };
const ROOT = join(__dirname, '..');

/** Return a slice's declarations. api-functions.yml declares the parameters of API functions; the slice may override its values. */
function listDeclarations({ parameters, endpoints }) {
  const declared = { ...parameters };
  for (const { name } of endpoints) {
    for (const [suffix, declaration] of Object.entries(API_FUNCTION_PARAMETERS)) {
      declared[name + suffix] = { ...declaration, ...declared[name + suffix] };
    }
  }
  return declared;
}
for (const slice of SLICES.values()) Object.assign(DECLARATIONS, listDeclarations(slice));

/** Fail if a slice's files use a parameter that is not declared. */
function checkUses(name) {
  const folder = `slices/${name}`;
  for (const file of readdirSync(join(ROOT, folder)).filter((entry) => /\.(yml|js)$/.test(entry))) {
    const text = readFileSync(join(ROOT, folder, file), 'utf8');
    const used = [...text.matchAll(/(?:\bparam:|parameters\.js\):)(\w+)/g)].map(([, parameter]) => parameter);
    const missing = used.find((parameter) => !(parameter in DECLARATIONS));
    if (missing) fail(`${folder}/${file} uses the parameter \`${missing}\`, which is not declared. Declare it, or correct the name.`);
  }
}

/** @typedef {{ type: string, default: any, values?: any[], min?: number, max?: number, optional?: boolean }} Declaration */

const parseInRange = (text, { min = 0, max = Infinity }) => (text >= min && text <= max ? Number(text) : undefined);

/** Parsers by type: each returns the value of a text, or undefined if the declaration excludes it. */
const PARSERS = {
  text: (text) => text,
  list: (text) => text.split(',').map((item) => item.trim()).filter(Boolean),
  boolean: (text) => ({ true: true, false: false })[text],
  choice: (text, { values }) => values.find((value) => String(value) === text),
  integer: (text, declaration) => (/^\d+$/.test(text) ? parseInRange(text, declaration) : undefined),
  number: (text, declaration) => (/^\d+(\.\d+)?$/.test(text) ? parseInRange(text, declaration) : undefined),
};

/** Return a description of the values that a declaration allows. */
function describeValues({ type, values = ['true', 'false'], min = 0, max, optional }) {
  const range = max === undefined ? `of ${min} or more` : `from ${min} to ${max}`;
  const numbers = { integer: `a whole number ${range}`, number: `a number ${range}` };
  return `${numbers[type] ?? `one of ${values.join(', ')}`}${optional ? ', or none' : ''}`;
}

/** Return the value of a text; null if the parameter is optional and the text is empty or `none`, which --param accepts instead of ''. */
function parse(name, text, stage) {
  /** @type {Declaration} */
  const declaration = DECLARATIONS[name];
  if (!(declaration?.type in PARSERS) || declaration.default === undefined) {
    const types = Object.keys(PARSERS).join(', ');
    fail(`${name}: declare it with \`default\`, \`reason\` and a \`type\`, one of ${types} (resources/parameters.yml).`);
  }
  if (declaration.optional && ['', 'none'].includes(text)) return null;
  const where = `Set it by --param, or in resources/parameters.yml under ${stage}.`;
  return PARSERS[declaration.type](text, declaration) ?? fail(`${name}: '${text}' is not ${describeValues(declaration)}. ${where}`);
}

/** Return the values of all stages, for `params` of serverless.yml. osls resolves them first, and stops if that fails. */
async function stages({ options, resolveVariable }) {
  checkSlices();
  if (STAGE_VALUES.default) fail('resources/parameters.yml has `default:`, which no stage reads. Move its values below `parameters:`.');
  const declaredNames = new Set(Object.keys(baseDeclarations));
  for (const [name, slice] of SLICES) {
    const declared = Object.keys(listDeclarations(slice));
    const duplicate = declared.find((parameter) => declaredNames.has(parameter));
    if (duplicate) fail(`slices/${name}/aws.yml declares the parameter \`${duplicate}\`, which exists already. Choose another name.`);
    declared.forEach((parameter) => declaredNames.add(parameter));
    checkUses(name);
  }
  for (const [stage, values] of Object.entries(STAGE_VALUES)) {
    const unknown = Object.keys(values).find((name) => !(name in DECLARATIONS));
    if (unknown) fail(`resources/parameters.yml: ${stage} sets ${unknown}, which is not declared. Correct the name, or enable the slice that declares it.`);
  }
  const stage = await resolveVariable('sls:stage');
  const values = { ...STAGE_VALUES[stage] };
  for (const option of options.param ?? []) {
    const [, name, text] = /^([^=]*)=?(.*)$/s.exec(option);
    // osls ignores unknown parameters; this one may belong to a disabled slice.
    if (!(name.trim() in DECLARATIONS)) fail(`--param: ${name.trim()} is not declared. Correct the name, or enable the slice that declares it.`);
    if (!text) fail(`--param: ${name}= has no value, and sls does not accept that. Set it to '' in resources/parameters.yml.`);
    values[name] = text.trimEnd();
  }
  const defaults = {};
  for (const [name, declaration] of Object.entries(DECLARATIONS)) {
    defaults[name] = declaration?.default;
    const text = String(values[name] ?? defaults[name]);
    if (!text.includes('${')) parse(name, text, stage); // variables are resolved later, and parsed where they are used
  }
  return { ...STAGE_VALUES, default: defaults };
}

const createReader = (name) => async ({ resolveVariable }) =>
  parse(name, String(await resolveVariable(`param:${name}`)), await resolveVariable('sls:stage'));

module.exports = { ...Object.fromEntries(Object.keys(DECLARATIONS).map((name) => [name, createReader(name)])), stages };
