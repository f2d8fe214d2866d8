// A real OpenID provider (npm: oidc-provider) on a free port of the loopback: issues opaque tokens to one client by
// client_credentials, and answers introspection to another.
//
// It and its packages are looked for where the test has installed them; its address is the line `ready URL`.

import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const server = createServer((request, response) => handler(request, response));
let handler;
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      { client_id: 'app', client_secret: 'secret-of-the-app', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
      { client_id: 'gateway', client_secret: 'made-up:secret&more', grant_types: [], redirect_uris: [], response_types: [] },
    ],
    scopes: ['orders:read', 'orders:write'],
    ttl: { ClientCredentials: Number(process.argv[2] ?? 600) },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (_, client) => client.clientId === 'gateway' },
      revocation: { enabled: true },
    },
  });
  handler = provider.callback();
  console.log(`ready ${issuer}`);
});
