// Runs osls again and again in one process, which has loaded its packages once: a third of the time that `sls` takes.
// A line of standard input is a run, a line of standard output how it ended: tests/template/compiled.py has the other end.
const { createInterface } = require('node:readline');
require('../../tools/local/quick_package.js');

// What remembers nothing of a run, and need not be loaded anew for the next: the packages that osls and its plugin use,
// and osls' compiled schemas, which it keeps by their hash.
const STATELESS = /\/node_modules\/(?!osls\/|serverless-python-requirements\/)|\/resolve-ajv-validate\.js$/;

const answer = process.stdout.write.bind(process.stdout); // all of it, though a pipe takes 64 KiB at a time
let printed = null; // by the run that is under way
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
  for (const event of process.eventNames()) if (!OURS.includes(event)) process.removeAllListeners(event);
  printed = '';
  require(sls);
}

createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdin.unref(); // so that nothing but the run is waited for
  run(JSON.parse(line));
});

process.on('beforeExit', () => {
  if (printed === null) return;
  const ended = JSON.stringify({ status: process.exitCode ?? 0, printed });
  printed = null;
  process.stdin.ref();
  answer(`${ended}\n`);
});

const OURS = process.eventNames(); // what else listens is of the last run
