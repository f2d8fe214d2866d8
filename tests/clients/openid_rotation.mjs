// A real OpenID provider (npm: oidc-provider) on a free port of the loopback that issues signed access tokens, and takes
// a new key for them whenever somebody asks for /rotate.
//
// It and its packages are looked for where the test has installed them; its address is the line `ready URL`.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'ES256' };
}

const keys = [newKey()];
let handler;

function provide(issuer) {
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'app', client_secret: 'secret-of-the-app', grant_types: ['client_credentials'], redirect_uris: [],
      response_types: [], id_token_signed_response_alg: 'ES256',
    }],
    jwks: { keys },
    scopes: ['orders:read'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:orders',
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'orders:read', audience: 'orders', accessTokenFormat: 'jwt', accessTokenTTL: 600,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  });
  handler = provider.callback();
}

const server = createServer((request, response) => {
  if (request.url === '/rotate') {
    keys.unshift(newKey());
    provide(`http://127.0.0.1:${server.address().port}`);
    response.end('rotated');
    return;
  }
  handler(request, response);
});
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  provide(issuer);
  console.log(`ready ${issuer}`);
});
