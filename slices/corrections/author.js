/**
 * Author of all corrections on the local stack, because the emulator accepts any signature.
 * Empty on other stages: there the author is the identity that AWS verified.
 */
module.exports = async ({ resolveVariable }) => ((await resolveVariable('sls:stage')) === 'local' ? 'local' : '');
