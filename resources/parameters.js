// Parameters by their declarations (parameters.yml, slices/*/slice.yml). --param and the file give texts;
// `${file(resources/parameters.js):backupDays}` is a number, and `stages` stops a deploy with a value that its declaration excludes.
const { DECLARATIONS, STAGES, check } = require('./slices.js');
const stop = require('./stop.js');

/** @typedef {{ type: string, default: any, values?: any[], min?: number, max?: number, optional?: boolean }} Declaration */

const number = (pattern, noun) => ({
  read: ({ min = 0, max = Infinity }, text) => (pattern.test(text) && text >= min && text <= max ? Number(text) : undefined),
  allowed: ({ min = 0, max }) => (max === undefined ? `${noun} of ${min} or more` : `${noun} from ${min} to ${max}`),
});

/** Types: `read` returns the value of a text, or undefined where the declaration excludes it; `allowed` is a noun phrase. */
const TYPES = {
  text: { read: (_, text) => text },
  list: { read: (_, text) => text.split(',').map((item) => item.trim()).filter(Boolean) }, // of comma-separated texts
  choice: {
    read: ({ values }, text) => values.find((value) => String(value) === text),
    allowed: ({ values }) => `one of ${values.join(', ')}`,
  },
  boolean: {
    read: (_, text) => ({ true: true, false: false })[text],
    allowed: () => 'one of true, false',
  },
  integer: number(/^\d+$/, 'a whole number'),
  number: number(/^\d+(\.\d+)?$/, 'a number'),
};

/** Return the value of a text; null where the parameter is optional and the text empty, or `none`, since --param cannot be empty. */
function parse(name, text, stage) {
  /** @type {Declaration} */
  const declaration = DECLARATIONS[name];
  const type = TYPES[declaration?.type];
  if (!type || declaration.default === undefined) {
    stop(`${name}: declare it with default, reason and a type of ${Object.keys(TYPES).join(', ')} (resources/parameters.yml).`);
  }
  if (declaration.optional && ['', 'none'].includes(text)) return null;
  const orNone = declaration.optional ? ', or none' : '';
  return type.read(declaration, text) ?? stop(
    `${name}: '${text}' is not ${type.allowed(declaration)}${orNone}. Set it by --param, or in resources/parameters.yml under ${stage}.`
  );
}

/** Return the values of all stages, for `params` of serverless.yml. osls resolves them first, so an error here is printed once. */
async function stages({ options, resolveVariable }) {
  check();
  const stage = await resolveVariable('sls:stage');
  const values = { ...STAGES[stage] };
  for (const option of options.param ?? []) {
    const [, name, text] = /^([^=]*)=?(.*)$/s.exec(option);
    // osls ignores an unknown one, which may be of a slice that is gone.
    if (!(name.trim() in DECLARATIONS)) stop(`--param: there is no parameter ${name.trim()}; is the slice that has it gone?`);
    values[name] = text.trimEnd();
  }
  for (const [name, declaration] of Object.entries(DECLARATIONS)) {
    const text = String(values[name] ?? declaration?.default);
    if (!text.includes('${')) parse(name, text, stage); // a variable is resolved later, and read where it is used
  }
  return { ...STAGES, default: Object.fromEntries(Object.entries(DECLARATIONS).map(([name, each]) => [name, each.default])) };
}

const reader = (name) => async ({ resolveVariable }) =>
  parse(name, String(await resolveVariable(`param:${name}`)), await resolveVariable('sls:stage'));

module.exports = { ...Object.fromEntries(Object.keys(DECLARATIONS).map((name) => [name, reader(name)])), stages };
