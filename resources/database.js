// Which of database-*.yml is used. What would fail only after the deploy stops it here, with what to do.
const { X509Certificate } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const stop = require('./stop.js');

const KINDS = ['create', 'existing'];
const CERTIFICATES = 'ponto/certificates/rds.pem';

/** Whether the packaged certificates are also those of a region's clusters: new regions come later than the package. */
function areKnown(region) {
  const found = readFileSync(join(__dirname, '..', CERTIFICATES), 'utf8').match(/-----BEGIN[^]+?-----END.+/g);
  return found.some((pem) => new X509Certificate(pem).subject.includes(`CN=Amazon RDS ${region} Root CA`));
}

// Where the Data API cannot be had, and a cluster that asks for it is refused:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.Aurora_Fea_Regions_DB-eng.Feature.Data_API.html
const WITHOUT_DATA_API = ['ap-south-2', 'ap-southeast-4', 'ap-southeast-6']; // Hyderabad, Melbourne, New Zealand

module.exports = async ({ resolveVariable }) => {
  const kind = await resolveVariable('param:database');
  if (!KINDS.includes(kind)) stop(`database: '${kind}' is not one of ${KINDS.join(', ')}.`);
  const region = await resolveVariable('self:provider.region');
  if (kind === 'create' && !(await resolveVariable('param:dbSslRootCert')) && !areKnown(region)) {
    stop(
      `${CERTIFICATES} has none of ${region}. Save https://truststore.pki.rds.amazonaws.com/${region}/${region}-bundle.pem ` +
        `in ponto/certificates, and set dbSslRootCert to 'ponto/certificates/${region}-bundle.pem'.`
    );
  }
  const dataApi = String(await resolveVariable('param:dataApi')); // --param gives texts
  if (!['true', 'false'].includes(dataApi)) stop(`dataApi: '${dataApi}' is not one of true, false.`);
  if (kind === 'create' && dataApi === 'true' && WITHOUT_DATA_API.includes(region)) {
    stop(`${region} has no Data API: set dataApi to false, and reach the database through a tunnel (docs/deploy.md).`);
  }
  return { kind };
};
