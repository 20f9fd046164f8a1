// Parameters by their declarations (parameters.yml, slices/*/aws.yml). --param and the file give texts;
// `${file(resources/parameters.js):backupDays}` is a number, and `stages` stops a deploy with a value that its declaration excludes.
const { readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');
const { PARAMETERS } = require('./http.js');
const { SLICES, check } = require('./slices.js');
const stop = require('./stop.js');
const read = require('./yaml.js');

// The reference's declarations, and the values of stages: of this file alone, or one of a slice that is off would go unnoticed.
const { parameters: ofReference, ...STAGES } = read('resources/parameters.yml');
for (const stage of Object.keys(STAGES)) STAGES[stage] ??= {};
const DECLARATIONS = { ...ofReference };
const ROOT = join(__dirname, '..');

/** Return what a slice declares: of a parameter of its functions of the API only what differs from http.yml. */
function declaredBy({ parameters, endpoints }) {
  const declared = { ...parameters };
  for (const { name } of endpoints) {
    for (const [end, declaration] of Object.entries(PARAMETERS)) {
      declared[name + end] = { ...declaration, ...declared[name + end] };
    }
  }
  return declared;
}
for (const slice of SLICES.values()) Object.assign(DECLARATIONS, declaredBy(slice));

/** Stop with a parameter that a slice's files use and nothing declares. */
function checkUses(name) {
  const folder = `slices/${name}`;
  for (const file of readdirSync(join(ROOT, folder)).filter((each) => /\.(yml|js)$/.test(each))) {
    const text = readFileSync(join(ROOT, folder, file), 'utf8');
    const used = [...text.matchAll(/(?:\bparam:|parameters\.js\):)(\w+)/g)].map(([, parameter]) => parameter);
    const missing = used.find((parameter) => !(parameter in DECLARATIONS));
    if (missing) stop(`${folder}/${file} uses the parameter \`${missing}\`, which nothing declares. Declare it, or correct its name.`);
  }
}

/** @typedef {{ type: string, default: any, values?: any[], min?: number, max?: number, optional?: boolean }} Declaration */

const inRange = (text, { min = 0, max = Infinity }) => (text >= min && text <= max ? Number(text) : undefined);

/** By type: the value of a text, or undefined where the declaration excludes it. */
const READERS = {
  text: (text) => text,
  list: (text) => text.split(',').map((item) => item.trim()).filter(Boolean),
  boolean: (text) => ({ true: true, false: false })[text],
  choice: (text, { values }) => values.find((value) => String(value) === text),
  integer: (text, declaration) => (/^\d+$/.test(text) ? inRange(text, declaration) : undefined),
  number: (text, declaration) => (/^\d+(\.\d+)?$/.test(text) ? inRange(text, declaration) : undefined),
};

/** Describe what a declaration allows. */
function allowed({ type, values = ['true', 'false'], min = 0, max, optional }) {
  const range = max === undefined ? `of ${min} or more` : `from ${min} to ${max}`;
  const numbers = { integer: `a whole number ${range}`, number: `a number ${range}` };
  return `${numbers[type] ?? `one of ${values.join(', ')}`}${optional ? ', or none' : ''}`;
}

/** Return the value of a text; null where the parameter is optional and the text empty, or `none`, since --param cannot be empty. */
function parse(name, text, stage) {
  /** @type {Declaration} */
  const declaration = DECLARATIONS[name];
  if (!(declaration?.type in READERS) || declaration.default === undefined) {
    stop(`${name}: declare it with default, reason and a type of ${Object.keys(READERS).join(', ')} (resources/parameters.yml).`);
  }
  if (declaration.optional && ['', 'none'].includes(text)) return null;
  const where = `Set it by --param, or in resources/parameters.yml under ${stage}.`;
  return READERS[declaration.type](text, declaration) ?? stop(`${name}: '${text}' is not ${allowed(declaration)}. ${where}`);
}

/** Return the values of all stages, for `params` of serverless.yml: osls resolves them first, and nothing else after a stop. */
async function stages({ options, resolveVariable }) {
  check();
  if (STAGES.default) stop('resources/parameters.yml has `default:`, which no stage reads. Move its values below `parameters:`.');
  const taken = new Set(Object.keys(ofReference));
  for (const [name, slice] of SLICES) {
    const declared = Object.keys(declaredBy(slice));
    const twice = declared.find((parameter) => taken.has(parameter));
    if (twice) stop(`slices/${name}/aws.yml declares the parameter \`${twice}\`, which exists already. Give it another name.`);
    declared.forEach((parameter) => taken.add(parameter));
    checkUses(name);
  }
  for (const [each, values] of Object.entries(STAGES)) {
    const unknown = Object.keys(values).find((name) => !(name in DECLARATIONS));
    if (unknown) stop(`${each} has a parameter ${unknown}, which has no default: is the slice that has it off?`);
  }
  const stage = await resolveVariable('sls:stage');
  const values = { ...STAGES[stage] };
  for (const option of options.param ?? []) {
    const [, name, text] = /^([^=]*)=?(.*)$/s.exec(option);
    // osls ignores an unknown one, which may be of a slice that is gone.
    if (!(name.trim() in DECLARATIONS)) stop(`--param: there is no parameter ${name.trim()}; is the slice that has it off?`);
    if (!text) stop(`--param: ${name}= has no value, which sls does not take: leave it empty in resources/parameters.yml.`);
    values[name] = text.trimEnd();
  }
  const defaults = {};
  for (const [name, declaration] of Object.entries(DECLARATIONS)) {
    defaults[name] = declaration?.default;
    const text = String(values[name] ?? defaults[name]);
    if (!text.includes('${')) parse(name, text, stage); // a variable is resolved later, and read where it is used
  }
  return { ...STAGES, default: defaults };
}

const reader = (name) => async ({ resolveVariable }) =>
  parse(name, String(await resolveVariable(`param:${name}`)), await resolveVariable('sls:stage'));

module.exports = { ...Object.fromEntries(Object.keys(DECLARATIONS).map((name) => [name, reader(name)])), stages };
