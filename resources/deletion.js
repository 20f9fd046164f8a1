// What becomes of what holds punches, and of what that needs: the parameter whenDeleted, as CloudFormation words it.
const stop = require('./stop.js');

module.exports = async ({ resolveVariable }) => {
  const whenDeleted = await resolveVariable('param:whenDeleted');
  if (!['Retain', 'Delete'].includes(whenDeleted)) stop(`whenDeleted: '${whenDeleted}' is not one of Retain, Delete.`);
  return {
    // What a failed first deploy made holds nothing yet, and would be in the way of the next.
    deletion: whenDeleted === 'Retain' ? 'RetainExceptOnCreate' : 'Delete',
    replacement: whenDeleted, // which knows no such exception
  };
};
