// What the stack and all that it makes is tagged with: service, stage, and the parameter tags.
const stop = require('./stop.js');

module.exports = async ({ resolveVariable }) => {
  const given = String(await resolveVariable('param:tags')).split(',').map((tag) => tag.trim()).filter(Boolean);
  const pairs = given.map((tag) => {
    const [name, ...value] = tag.split('=');
    if (name && value.length === 1) return [name.trim(), value[0].trim()];
    return stop(`The parameter tags has '${tag}'; it takes name=value, comma-separated: costCentre=4711,owner=hr.`);
  });
  const own = { service: await resolveVariable('self:service'), stage: await resolveVariable('sls:stage') };
  return { ...Object.fromEntries(pairs), ...own };
};
