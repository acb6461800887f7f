// Makes the snapshot of a StructureDefinition from its differential (FHIR R4 5.1), as far as the profiles that we check need it: elements
// below a data type, slices, and constraints that add up. @medplum/core validates by snapshots, and profiles are published without.

const core = (type) => 'http://hl7.org/fhir/StructureDefinition/' + type;

// find gives the StructureDefinition of a canonical. Where the base of a profile is not at hand, it stands on the type itself.
export function withSnapshot(sd, find) {
  if (sd.snapshot) return sd;
  const base = withSnapshot(find(sd.baseDefinition) ?? find(core(sd.type)), find);
  const elements = structuredClone(base.snapshot.element);
  for (const d of sd.differential.element) {
    const at = place(elements, d.id, find);
    if (at < 0) throw new Error(`${sd.id}: no place for ${d.id}`);
    elements[at] = merge(elements[at], d);
  }
  for (const e of elements.filter((e) => elements.some((x) => ofSlice(x, e.contentReference?.slice(1))))) {
    delete e.contentReference; // @medplum/core would take the last slice for what is referred to
    e.type = [{ code: 'BackboneElement' }];
  }
  return { ...sd, snapshot: { element: elements } };
}

const below = (e, id) => e.id.startsWith(id + '.');
const ofSlice = (e, id) => e.id.startsWith(id + ':');

// place gives the index of the element with the id, and makes it first if its parent or its unsliced element is there.
function place(elements, id, find) {
  const at = elements.findIndex((e) => e.id === id);
  if (at >= 0) return at;
  const dot = id.lastIndexOf('.');
  const colon = id.lastIndexOf(':');
  if (colon > dot) return slice(elements, id.slice(0, colon), id, find);
  if (dot < 0) return -1;
  const parent = place(elements, id.slice(0, dot), find);
  if (parent < 0 || elements.some((e) => below(e, id.slice(0, dot)))) return -1;
  unfold(elements, parent, find);
  return elements.findIndex((e) => e.id === id);
}

// slice copies the element, with what stands below it, behind its other slices.
function slice(elements, whole, id, find) {
  const first = place(elements, whole, find);
  if (first < 0) return -1;
  if (whole.endsWith('xtension')) elements[first].slicing ??= { discriminator: [{ type: 'value', path: 'url' }], rules: 'open' }; // FHIR R4 5.1.0.14
  const copies = elements.filter((e) => e.id === whole || below(e, whole)).map((e) => ({ ...structuredClone(e), id: id + e.id.slice(whole.length) }));
  delete copies[0].slicing;
  copies[0].min = 0; // each slice says for itself whether it is required
  let end = first + 1;
  while (end < elements.length && (below(elements[end], whole) || ofSlice(elements[end], whole))) end++;
  elements.splice(end, 0, ...copies);
  return end;
}

// unfold puts the elements of its data type below an element.
function unfold(elements, at, find) {
  const e = elements[at];
  const referred = e.contentReference?.slice(1);
  const children = referred
    ? elements.filter((x) => below(x, referred)).map((x) => [x, x.id.slice(referred.length)])
    : withSnapshot(find(core(e.type[0].code)), find).snapshot.element.slice(1).map((x) => [x, x.id.slice(x.id.indexOf('.'))]);
  elements.splice(at + 1, 0, ...children.map(([x, rest]) => ({ ...structuredClone(x), id: e.id + rest, path: e.path + rest.replace(/:[^.]*/g, '') })));
}

function merge(e, d) {
  return { ...e, ...d, constraint: [...(e.constraint ?? []), ...(d.constraint ?? [])], base: e.base };
}
