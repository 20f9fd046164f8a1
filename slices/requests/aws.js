// The page shows the form to employees who have not signed in only if the stage accepts their requests.
const outputs = async ({ resolveVariable }) => ({
  RequestsWithoutSignIn: { Value: String(await resolveVariable('param:requestsWithoutSignIn')) },
});

module.exports = { Outputs: outputs };
