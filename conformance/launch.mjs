// An app in a browser, as its developer writes it with fhirclient, launched by a client of the demo in Chromium, by keyboard alone. The settings come as JSON on
// standard input: {base, chromium, redirect, clientId, scope, person, untick, screenshots}; what the app got, and what the pages are like, goes as JSON to
// standard output. The app's own pages are served inside the browser: nothing listens.
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import axe from 'axe-core';
import { chromium } from 'playwright-core';

const settings = JSON.parse(await text(process.stdin));
const library = await readFile(new URL('node_modules/fhirclient/build/fhir-client.pure.js', import.meta.url));

const app = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Wellness diary</title><body><output></output>
<script src="/fhir-client.js"></script><script>
const done = (result) => { document.querySelector('output').textContent = JSON.stringify(result); };
const status = (promise) => promise.then(() => 200, (e) => e.statusCode ?? e.status ?? String(e.message).slice(0, 200));
async function use(client) {
  const read = await client.patient.read();
  const conditions = await client.patient.request('Condition?_count=5', { flat: true });
  const before = client.state.tokenResponse.access_token;
  await client.refresh();
  done({
    patient: client.patient.id, read: read.id, user: await client.user.read().then((u) => u.resourceType + '/' + u.id), scope: client.state.tokenResponse.scope,
    conditions: conditions.length, untouched: await status(client.patient.request('DocumentReference?_count=1')),
    refreshed: client.state.tokenResponse.access_token !== before, again: await status(client.patient.read()),
  });
}
if (new URLSearchParams(location.search).has('state')) {
  FHIR.oauth2.ready().then(use).catch((e) => done({ error: String(e.message) }));
} else {
  FHIR.oauth2.authorize(${JSON.stringify({ iss: settings.base, clientId: settings.clientId, scope: settings.scope, redirectUri: settings.redirect, pkceMode: 'required' })})
    .catch((e) => done({ error: String(e.message) }));
}
</script></body></html>`;

const browser = await chromium.launch({ executablePath: settings.chromium, args: ['--no-sandbox', '--disable-features=LocalNetworkAccessChecks'] });
try {
  const page = await (await browser.newContext({ viewport: { width: 900, height: 1200 } })).newPage();
  const hosts = new Set();
  const complaints = [];
  page.on('request', (r) => hosts.add(new URL(r.url()).host));
  page.on('console', (m) => { if (m.type() === 'error') complaints.push(m.text().replaceAll(/\?\S*/g, '').slice(0, 200)); });
  await page.route(`${settings.redirect}**`, (route) => {
    const script = new URL(route.request().url()).pathname === '/fhir-client.js';
    return route.fulfill(script ? { contentType: 'text/javascript', body: library } : { contentType: 'text/html', body: app });
  });

  const violations = [];
  async function look(name) {
    await page.evaluate(axe.source);
    const found = await page.evaluate(() => axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })); // eslint-disable-line no-undef
    violations.push(...found.violations.map((v) => `${name}: ${v.id}`));
    if (settings.screenshots) await page.screenshot({ path: `${settings.screenshots}/${name}.png`, fullPage: true });
  }
  /** Goes on with Tab until it stands where it shall, as somebody without a mouse does. */
  async function tabTo(locator) {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      if (await locator.evaluate((e) => e === document.activeElement)) return;
    }
    throw new Error('the keyboard does not get there');
  }

  await page.goto(settings.redirect);
  const person = page.getByRole('button', { name: settings.person }).first();
  const failed = page.waitForFunction(() => document.querySelector('output')?.textContent).then((text) => text.jsonValue());
  const early = await Promise.race([person.waitFor(), failed]);
  if (early) throw new Error(`the app got no further: ${early.slice(0, 120)}; ${complaints.join("; ").slice(0, 120)}`);
  failed.catch(() => {}); // the page that it waited on is gone
  await look('sign-in');
  await tabTo(person);
  await page.keyboard.press('Enter');

  const box = page.getByRole('checkbox', { name: settings.untick });
  await box.waitFor();
  const asked = await page.getByRole('checkbox').count();
  await tabTo(box);
  await page.keyboard.press('Space');
  await look('consent');
  const narrow = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 800 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  await page.setViewportSize(narrow);
  const scripts = await page.locator('script').count();
  await tabTo(page.getByRole('button', { name: 'Share what is ticked' }));
  await page.keyboard.press('Enter');

  const output = page.locator('output');
  await page.waitForFunction(() => document.querySelector('output')?.textContent);
  const got = JSON.parse(await output.textContent());
  process.stdout.write(JSON.stringify({ got, asked, scripts, wide, violations, complaints, hosts: [...hosts].sort(), left: new URL(page.url()).search }));
} finally {
  await browser.close();
}
