// Velocity template of the gateway's request to SQS: SendMessage with the punch as its body.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
const { collect } = require('./slices.js');

const API_KEY_ID = '$context.identity.apiKeyId'; // not the key; it shows which rows a stolen key wrote

/** Return a form parameter. Every value is encoded, because a body with & could add parameters. */
const parameter = (name, value) => `&${name}=$util.urlEncode(${value})`;

const attribute = (number, name, value) =>
  `&MessageAttribute.${number}.Name=${name}` +
  `&MessageAttribute.${number}.Value.DataType=String` +
  parameter(`MessageAttribute.${number}.Value.StringValue`, value);

/**
 * Return parameters that are omitted if the value is empty, because SQS refuses empty values. Velocity renders an unset `$!x` as empty,
 * and an unset `$x` as its name.
 */
const unlessEmpty = (value, parameters) => `#if("${value.replace('$', '$!')}" != "")${parameters}#end`;

module.exports = async (context) => {
  const isFair = await context.resolveVariable('file(resources/parameters.js):fairQueue');
  const [[name, value] = []] = Object.entries(await collect(context, 'identity'));
  return [
    'Action=SendMessage',
    parameter('MessageBody', '$input.body'),
    attribute(1, 'apiKeyId', API_KEY_ID), // always set: the method requires a key
    name ? unlessEmpty(value, attribute(2, name, value)) : '', // must be last: SQS ignores attributes after a gap in the numbering
    // Fair queue: the API key is the message group.
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html
    isFair ? unlessEmpty(API_KEY_ID, parameter('MessageGroupId', API_KEY_ID)) : '',
  ].join('');
};
