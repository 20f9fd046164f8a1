/** Who answers for corrections where nobody can be vouched for: the emulator admits any signature. Elsewhere it is whom AWS names. */
module.exports = async ({ resolveVariable }) => ((await resolveVariable('sls:stage')) === 'local' ? 'local' : '');
