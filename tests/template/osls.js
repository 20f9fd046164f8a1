// Runs osls many times in one process that loads its packages once, in a third of the time of `sls`.
// Each line of standard input is a request in JSON; each line of standard output is its result.
// The client is tests/template/compiled.py.
const { createInterface } = require('node:readline');
require('../../tools/local/quick_package.js');

// Modules without state of a run, which are not loaded again for the next one: the packages that osls and its plugin
// use, and the compiled schemas of osls, which it caches by their hash.
const STATELESS = /\/node_modules\/(?!osls\/|serverless-python-requirements\/)|\/resolve-ajv-validate\.js$/;

// Writes the whole text even though a pipe accepts 64 KiB at a time.
const writeOutput = process.stdout.write.bind(process.stdout);
let printed = null; // output of the current run; null between runs
for (const stream of [process.stdout, process.stderr]) {
  stream.write = (text) => {
    printed += text;
    return true;
  };
}

function run({ sls, project, options, environment }) {
  for (const file of Object.keys(require.cache)) if (!STATELESS.test(file)) delete require.cache[file];
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, environment);
  process.chdir(project);
  process.argv.splice(1, Infinity, sls, ...options);
  process.exitCode = undefined;
  for (const event of process.eventNames()) if (!INITIAL_EVENTS.includes(event)) process.removeAllListeners(event);
  printed = '';
  require(sls);
}

createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdin.unref(); // so that the process waits only for the run
  run(JSON.parse(line));
});

process.on('beforeExit', () => {
  if (printed === null) return;
  const result = JSON.stringify({ status: process.exitCode ?? 0, printed });
  printed = null;
  process.stdin.ref();
  writeOutput(`${result}\n`);
});

const INITIAL_EVENTS = process.eventNames(); // listeners of other events were added by the last run
