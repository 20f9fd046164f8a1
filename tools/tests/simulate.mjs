// Evaluates requests by IAM's rules, with a simulator that is not this project's (AGPL; run as it is, in no package): reads a list
// of simulations, prints the list of decisions.
import { text } from 'node:stream/consumers';
import { runSimulation } from '@cloud-copilot/iam-simulate';

const results = await Promise.all(JSON.parse(await text(process.stdin)).map((simulation) => runSimulation(simulation, {})));
console.log(JSON.stringify(results.map(({ overallResult, errors }) => overallResult ?? errors.message)));
