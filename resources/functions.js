// The functions that reach the database: by which name its secret goes, the function's logical id, its role there, what it
// does, and the parameter that reserves its executions. ROLES in ponto/config.py names the roles to the function `schema`.
module.exports = [
  { name: 'function', id: 'BatidaPonto', role: 'ponto_function', does: 'stores punches', reserves: 'reservedConcurrency' },
  { name: 'receipt', id: 'Receipt', role: 'ponto_receipts', does: 'looks receipts up', reserves: 'receiptConcurrency' },
  { name: 'report', id: 'Report', role: 'ponto_reports', does: 'reads', reserves: 'reportConcurrency' },
  { name: 'correction', id: 'Correction', role: 'ponto_corrections', does: 'writes corrections', reserves: 'correctionConcurrency' },
];
