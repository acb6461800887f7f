// What an app's developer writes with fhirclient, the SMART JavaScript library: as a backend service that has a token, and as an app that was
// launched with a patient. The settings come as JSON on standard input; what was got goes as JSON to standard output.
import { createHash } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { Client } from 'fhir-kit-client';
import smart from 'fhirclient';

const settings = JSON.parse(await text(process.stdin)); // {base, backend: {token, patient}, app: {token, patient}, content: {token, document}}
const nobody = { headers: {}, url: '/', session: {} };

/** A client of the library for a token that was got before. */
function client({ token, patient }) {
  const storage = { get: async () => null, set: async (_, value) => value, unset: async () => true };
  return smart(nobody, {}, storage).client({
    serverUrl: settings.base, tokenResponse: { token_type: 'Bearer', access_token: token, ...(patient ? { patient } : {}) },
  });
}

const ids = (resources) => resources.map((r) => `${r.resourceType}/${r.id}`).sort();
const matches = (resources) => resources.filter((r) => r.resourceType !== 'OperationOutcome'); // flat pages say no modes
const refused = (promise) => promise.then(() => 200, (e) => e.status ?? e.statusCode ?? String(e.message).slice(0, 80));

/** Pages, references that are resolved into the resources (graph) or beside them, and a refusal. */
async function backend() {
  const c = client({ token: settings.backend.token });
  const of = `patient=${settings.backend.patient}`;
  const flat = await c.request(`DocumentReference?${of}&_count=3`, { pageLimit: 0, flat: true });
  const pages = [];
  await c.request(`DocumentReference?${of}&_count=3`, { pageLimit: 0, onPage: (bundle) => { pages.push((bundle.entry ?? []).length); } });
  const graph = await c.request(`Encounter?${of}&_count=2`, { resolveReferences: ['participant.0.individual', 'subject'], flat: true });
  const beside = await c.request(`Encounter?${of}&_count=2`, { resolveReferences: ['participant.0.individual', 'subject'], graph: false });
  const read = await c.request(`Patient/${settings.backend.patient}`);
  return {
    flat: ids(matches(flat)), pages: pages.length,
    graph: matches(graph).map((r) => [r.subject.resourceType, r.participant?.[0].individual.resourceType].join(' ')),
    references: Object.values(beside.references).map((r) => r.resourceType).sort(),
    read: ids([read])[0],
    unknown: await refused(c.request('Patient/x')), withoutPatient: await refused(c.patient.read()),
    fhirVersion: await c.getFhirVersion(), create: await refused(c.create({ resourceType: 'Observation' })),
  };
}

/** What is asked of the launch's patient, which the library adds to the query itself. */
async function app() {
  const c = client(settings.app);
  const read = await c.patient.read();
  const observations = await c.patient.request('Observation?_count=200', { flat: true });
  const consents = await c.request(`Consent?patient=${c.patient.id}&_count=200`, { pageLimit: 0, flat: true });
  return { read: ids([read])[0], observations: ids(matches(observations)), consents: ids(matches(consents)) };
}

/** The content of a document, by the URL that the document names: as it is, and as a FHIR resource. Of the bytes a digest is given. */
async function content() {
  const c = client(settings.content);
  const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
  const decoded = (binary) => digest(Buffer.from(binary.data, 'base64'));
  const document = await c.request(settings.content.document);
  const { url, contentType } = document.content[0].attachment;
  const native = await c.request({ url, headers: { accept: contentType } }); // of what is neither JSON nor text the library gives the response
  const kit = new Client({ baseUrl: settings.base, bearerToken: settings.content.token });
  return {
    url, native: digest(Buffer.from(native.arrayBuffer ? await native.arrayBuffer() : native)),
    resource: decoded(await c.request({ url, headers: { accept: 'application/fhir+json' } })),
    kit: decoded(await kit.read({ resourceType: 'Binary', id: url.split('/').pop() })), unknown: await refused(c.request('Binary/x')),
  };
}

console.log(JSON.stringify({ backend: await backend(), app: await app(), content: await content() }));
