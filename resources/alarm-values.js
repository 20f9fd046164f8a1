// What alarms need and YAML cannot do: arithmetic.
module.exports = async ({ resolveVariable }) => {
  const concurrency = Number(await resolveVariable('param:reservedConcurrency')); // --param gives texts
  return {
    // The function holds at most reservedConcurrency, and twice that while a deploy replaces its environments,
    // whose connections outlive them; 20 for reports and people.
    connections: 2 * concurrency + 20,
  };
};
