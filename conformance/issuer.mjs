// A real authorization server (oidc-provider) for `gateway serve`: client_credentials with private_key_jwt, JWT access tokens by resource
// indicators, or opaque ones about which it is asked. The settings come as one line of JSON on standard input: {resource, elsewhere, scope, clients: [{id, alg,
// signing, jwk}], port, introspector: {id, secret}}, of which the last two may be left out: with an introspector tokens are opaque;
// {issuer, tokenEndpoint} goes to standard output once it listens. It ends with its standard input.
//
// POST /sign signs whatever it is given with the provider's own key, for tokens that a provider would not hand to a machine.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { json } from 'node:stream/consumers';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Provider } from 'oidc-provider';

const lines = createInterface({ input: process.stdin });
const settings = JSON.parse((await lines[Symbol.asyncIterator]().next()).value);
lines.on('close', () => process.exit(0));

const keys = {};
for (const alg of ['RS256', 'ES384', 'ES256']) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  keys[alg] = { key: privateKey, jwk: { ...(await exportJWK(privateKey)), kid: `key-${alg}`, alg, use: 'sig' } };
}

const server = createServer();
await new Promise((done) => server.listen(settings.port ?? 0, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [...settings.clients.map(({ id, alg, jwk }) => ({
    client_id: id, grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: settings.scope,
    token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: alg, jwks: { keys: [jwk] },
  })), ...(settings.introspector ? [{
    client_id: settings.introspector.id, client_secret: settings.introspector.secret, token_endpoint_auth_method: 'client_secret_basic',
    grant_types: [], redirect_uris: [], response_types: [],
  }] : [])],
  clientAuthMethods: ['private_key_jwt', 'client_secret_basic'],
  enabledJWA: { clientAuthSigningAlgValues: ['RS384', 'ES384'] },
  jwks: { keys: Object.values(keys).map((k) => k.jwk) },
  scopes: settings.scope.split(' '),
  ttl: { ClientCredentials: 300 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: Boolean(settings.introspector) },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_ctx, resource, client) => ({
        scope: settings.scope, audience: resource, accessTokenFormat: settings.introspector ? 'opaque' : 'jwt',
        jwt: { sign: { alg: settings.clients.find((c) => c.id === client.clientId).signing } },
      }),
    },
  },
});

const serve = provider.callback();
server.on('request', async (request, response) => {
  if (request.method !== 'POST' || request.url !== '/sign') {
    return serve(request, response);
  }
  const { alg, typ, claims } = await json(request);
  response.end(await new SignJWT(claims).setProtectedHeader({ alg, kid: keys[alg].jwk.kid, typ }).sign(keys[alg].key));
});
console.log(JSON.stringify({ issuer, tokenEndpoint: `${issuer}/token` }));
