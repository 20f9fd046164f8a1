// The request to SQS that the gateway makes of a punch, in Velocity: SendMessage, a line for each parameter.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
const { together } = require('./slices.js');

const KEY = '$context.identity.apiKeyId'; // its id, never the key: it tells whose rows a stolen key wrote

/** Every value is encoded, or a body with & in it could add parameters. */
const parameter = (name, value) => `&${name}=$util.urlEncode(${value})`;

const attribute = (number, name, value) =>
  `&MessageAttribute.${number}.Name=${name}` +
  `&MessageAttribute.${number}.Value.DataType=String` +
  parameter(`MessageAttribute.${number}.Value.StringValue`, value);

/** SQS refuses an empty value, so nothing is sent without one. `$!` is nothing, where `$` would be its own name. */
const unlessEmpty = (value, parameters) => `#if("${value.replace('$', '$!')}" != "")${parameters}#end`;

module.exports = async (context) => {
  const isFair = await context.resolveVariable('file(resources/parameters.js):fairQueue');
  const [[name, value] = []] = Object.entries(await together(context, 'identity'));
  return [
    'Action=SendMessage',
    parameter('MessageBody', '$input.body'),
    attribute(1, 'apiKeyId', KEY), // a method that asks for a key always has one
    name ? unlessEmpty(value, attribute(2, name, value)) : '', // the last, for SQS stops at a gap
    // A punch belongs to its key's group:
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html
    isFair ? unlessEmpty(KEY, parameter('MessageGroupId', KEY)) : '',
  ].join('');
};
