// What a partner's developer writes with the usual clients: discovers the server, gets a token by private_key_jwt, reads and searches. The
// settings come as JSON on standard input; what was got goes as JSON to standard output.
import { strict as assert } from 'node:assert';
import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { CapabilityTool, Client } from 'fhir-kit-client';
import { importJWK, SignJWT } from 'jose';

const settings = JSON.parse(await text(process.stdin)); // {base, partnerId, scope, privateJwk, patient}

/** Gets a token from the endpoint that the server names (SMART App Launch 2.2, "Backend Services"). */
async function fetchToken(tokenEndpoint) {
  const key = await importJWK(settings.privateJwk, settings.privateJwk.alg);
  const assertion = await new SignJWT({})
    .setProtectedHeader({ alg: settings.privateJwk.alg, kid: settings.privateJwk.kid, typ: 'JWT' })
    .setIssuer(settings.partnerId).setSubject(settings.partnerId).setAudience(tokenEndpoint)
    .setJti(randomUUID()).setIssuedAt().setExpirationTime('4m').sign(key);
  const response = await fetch(tokenEndpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials', scope: settings.scope, client_assertion: assertion,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    }),
  });
  assert.equal(response.status, 200, 'the token endpoint');
  return (await response.json()).access_token;
}

const matches = (bundle) => (bundle.entry ?? []).filter((e) => e.search.mode === 'match').map((e) => e.resource);
const authored = (documents) => documents.find((d) => d.author); // a scan has no author
const ids = (resources) => resources.map((r) => `${r.resourceType}/${r.id}`);

async function withFhirKit() {
  const client = new Client({ baseUrl: settings.base });
  const { tokenUrl } = await client.smartAuthMetadata();
  const statement = await client.capabilityStatement();
  const token = await fetchToken(String(tokenUrl));
  client.bearerToken = token;

  const search = { resourceType: 'DocumentReference', searchParams: { patient: settings.patient } };
  const whole = matches(await client.search({ ...search, searchParams: { ...search.searchParams, _count: 200 } }));
  const paged = [];
  for (let bundle = await client.search({ ...search, searchParams: { ...search.searchParams, _count: 3, _sort: '-date' } }); bundle; bundle = await client.nextPage({ bundle })) {
    paged.push(...matches(bundle));
  }
  const posted = matches(await client.search({ ...search, searchParams: { ...search.searchParams, _count: 200 }, options: { postSearch: true } }));
  const read = await client.read({ resourceType: 'Patient', id: settings.patient });
  const author = await client.resolve({ reference: authored(whole).author[0].reference });
  const unknown = await client.read({ resourceType: 'Patient', id: 'x' }).then(() => 200, (e) => e.response?.status);
  return {
    ...await beyondReadAndSearch(client, new CapabilityTool(statement)),
    token, fhirVersion: statement.fhirVersion, whole: ids(whole), paged: ids(paged), posted: ids(posted), read: ids([read])[0], author: author.resourceType, unknown,
  };
}

/** Operations, the compartment, what is refused, and what the CapabilityStatement says of all that. */
async function beyondReadAndSearch(client, capabilities) {
  const patient = { resourceType: 'Patient', id: settings.patient };
  const status = (promise) => promise.then(() => 200, (e) => e.response?.status);
  const pages = async (first) => {
    const all = [];
    for (let bundle = await first; bundle; bundle = await client.nextPage({ bundle })) all.push(...ids((bundle.entry ?? []).map((e) => e.resource).filter((r) => r.id)));
    return all;
  };
  const parameters = (...list) => ({ resourceType: 'Parameters', parameter: list });
  return {
    everything: await pages(client.operation({ ...patient, name: 'everything', method: 'GET' })),
    everythingPosted: await pages(client.operation({ ...patient, name: '$everything', input: parameters({ name: '_count', valueInteger: 5 }) })),
    docref: await pages(client.operation({ resourceType: 'DocumentReference', name: 'docref', method: 'GET', input: { patient: settings.patient } })),
    docrefPosted: await pages(client.operation({ resourceType: 'DocumentReference', name: 'docref', input: parameters({ name: 'patient', valueId: settings.patient }) })),
    compartment: await pages(client.compartmentSearch({ resourceType: 'DocumentReference', compartment: patient, searchParams: { _count: 4 } })),
    refused: {
      vread: await status(client.vread({ ...patient, version: '1' })), create: await status(client.create({ resourceType: 'Observation', body: { resourceType: 'Observation' } })),
      system: await status(client.systemSearch({ searchParams: { _id: settings.patient } })), transaction: await status(client.transaction({ body: { resourceType: 'Bundle', type: 'transaction' } })),
    },
    can: ['read', 'search-type', 'vread', 'create'].filter((code) => capabilities.resourceCan('DocumentReference', code)),
    searches: capabilities.resourceSearch('DocumentReference', 'period') && !capabilities.resourceSearch('DocumentReference', 'shoe-size'),
    operations: ['Patient', 'DocumentReference'].flatMap((resourceType) => capabilities.capabilityContents({ resourceType, capabilityType: 'operation' }).map((o) => o.name)),
  };
}

async function withMedplum(token) {
  globalThis.WebSocket ??= class extends EventTarget {}; // the client wants one to exist, node 20 has none; nothing here opens it
  const { MedplumClient } = await import('@medplum/core');
  const base = new URL(settings.base);
  const client = new MedplumClient({ baseUrl: base.origin, fhirUrlPath: base.pathname.slice(1), accessToken: token, fetch });
  const whole = await client.search('DocumentReference', { patient: settings.patient, _count: '200' });
  const paged = [];
  for await (const page of client.searchResourcePages('DocumentReference', { patient: settings.patient, _count: '4' })) {
    paged.push(...page);
  }
  const read = await client.readResource('Patient', settings.patient);
  const author = await client.readReference(authored(matches(whole)).author[0]);
  return { whole: ids(matches(whole)), paged: ids(paged), read: ids([read])[0], author: author.resourceType };
}

const fhirKit = await withFhirKit();
const medplum = await withMedplum(fhirKit.token);
delete fhirKit.token;
console.log(JSON.stringify({ fhirKit, medplum }));
