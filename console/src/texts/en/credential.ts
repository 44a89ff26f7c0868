// Words of credentials and clouds, which adding a tenant and its connection share.
export const credential = {
  kind: 'Credential',
  kinds: { client_secret: 'Client secret', certificate: 'Certificate' },
  secret: 'Client secret',
  secretHint: 'The value, not the id. It is stored encrypted and never shown again.',
  certificate: 'Certificate and private key, PEM',
  certificateHint: 'Both blocks, one below the other. It is stored encrypted and never shown again.',
  missingSecret: 'Enter the client secret.',
  missingCertificate: 'Paste the certificate and its private key.',
  clouds: { global: 'Global', usgov: 'US Government (GCC High)', usgovdod: 'US Government (DoD)', china: 'China (21Vianet)' } as Record<string, string>,
};
