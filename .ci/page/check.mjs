// Opens pages of nights in headless Chromium, as people do, and writes the tables of each as JSON for figures.py.
//
//     node check.mjs CHROMIUM FOLDER PAGE...      in a folder where axe-core and puppeteer-core are installed
//
// Of every page: nothing is said on the console, no request leaves, axe finds nothing serious, search, order and folding work
// by keyboard, all is unfolded on paper, it has less than five megabytes, tells how long it takes to open, and without scripts all
// its rows are there.

import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [chromium, folder, ...pages] = process.argv.slice(2);
const require = createRequire(join(process.cwd(), 'package.json'));
const puppeteer = require('puppeteer-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const MOST_BYTES = 5_000_000;
const SIZES = { wide: { width: 1440, height: 1000 }, phone: { width: 390, height: 844 } };

// The tables of a page: of each row the values of its cells, as a program reads them. Rows that unfold are as their own.
const tables = () => {
  const valuesOf = (cell) => {
    const marked = [...cell.querySelectorAll('data, time, .code')];
    return marked.map((each) => each.value ?? each.dateTime ?? each.textContent);
  };
  return Object.fromEntries([...document.querySelectorAll('table[id]')].map((table) => {
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]).filter((row) => !row.classList.contains('more'));
    return [table.id, rows.map((row) => [...row.cells].map(valuesOf))];
  }));
};

const visible = (page, selector) => page.$$eval(selector, (all) => all.filter((each) => each.offsetParent !== null).length);
const settle = (page) => page.evaluate(() => new Promise((done) => { setTimeout(done, 250); }));

async function open(browser, file, size, scheme, scripts = true) {
  const page = await browser.newPage();
  const wrong = [];
  page.on('console', (message) => wrong.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('request', (request) => {
    const url = request.url();
    if (url !== pathToFileURL(file).href && !url.startsWith('data:')) wrong.push(`request: ${url}`);
  });
  await page.setJavaScriptEnabled(scripts);
  await page.setViewport(size);
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  const begun = performance.now();
  await page.goto(pathToFileURL(file).href, { waitUntil: 'load' });
  return { page, wrong, took: performance.now() - begun };
}

async function accessible(page, what) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const serious = found.violations.filter((violation) => ['serious', 'critical'].includes(violation.impact));
  assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.slice(0, 5).map((node) => node.html)]), [], `${what}: axe`);
  return found.violations.map((violation) => violation.id);
}

async function keyboard(page, what) {
  const all = await page.$$eval('#break-list > tbody', (rows) => rows.length);
  if (all === 0) return;
  const found = () => page.$eval('.found', (found) => found.textContent);
  // Only the first rows are there until asked for, and the count tells of all.
  assert.equal(await visible(page, '#break-list > tbody'), Math.min(all, 100), `${what}: rows at first`);
  const digits = (text) => text.replaceAll(',', '').match(/\d+/g).map(Number);
  assert.deepEqual(digits(await found()), [all]);

  // A reference of the last row, typed.
  const sought = await page.$eval('#break-list > tbody:last-of-type', (body) => [...body.querySelectorAll('.more .code')].at(-1).textContent);
  await page.focus('.search input');
  await page.keyboard.type(sought);
  await settle(page);
  assert.equal(await visible(page, '#break-list > tbody'), 1, `${what}: ${sought} is found`);
  // Languages say it in their own order.
  assert.deepEqual(digits(await found()).sort((one, other) => one - other), [1, all]);
  assert.equal(await page.$eval('.found', (found) => found.getAttribute('aria-live')), 'polite');

  // On to its row by Tab alone, and unfolded by Enter, folded by Space.
  let steps = 0;
  const isThere = () => page.evaluate(() => document.activeElement.matches('#break-list .fold'));
  while (!(await isThere()) && steps < 40) {
    await page.keyboard.press('Tab');
    steps += 1;
  }
  assert.ok(await isThere(), `${what}: the row is reached by Tab`);
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outline, 'none', `${what}: focus is seen`);
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-expanded')), 'true');
  assert.equal(await visible(page, '#break-list .more'), 1, `${what}: the row is unfolded`);
  await page.keyboard.press('Space');
  assert.equal(await visible(page, '#break-list .more'), 0, `${what}: the row is folded`);

  // The first thing to do leads to its breaks.
  const link = await page.$('.first a');
  if (link) {
    const wanted = await link.evaluate((each) => ({ ...each.dataset }));
    const fitting = await page.$$eval('#break-list > tbody', (rows, keys) => rows.filter((row) =>
      Object.entries(keys).every(([name, value]) => row.dataset[name] === value)).length, wanted);
    await link.focus();
    await page.keyboard.press('Enter');
    await settle(page);
    assert.equal(await visible(page, '#break-list > tbody'), Math.min(fitting, 100), `${what}: what to do first`);
    assert.ok(fitting > 0);
  }
  await page.focus('.search button[type=reset]');
  await page.keyboard.press('Enter');
  await settle(page);
  assert.deepEqual(digits(await found()), [all]);

  // In the order of the differences, exact and within each currency.
  const heads = await page.$$('#break-list .order');
  const column = 4;
  await heads[column].focus();
  await page.keyboard.press('Enter');
  const sorted = await page.$$eval('#break-list > tbody', (rows, at) => rows.map((row) =>
    [row.dataset.currency, row.rows[0].cells[at].querySelector('data').value]), column);
  const exact = (text) => BigInt(text.replace('.', '').padEnd(text.includes('.') ? text.indexOf('.') + 8 : text.length + 8, '0'));
  for (let at = 1; at < sorted.length; at += 1) {
    const [[before, one], [after, other]] = [sorted[at - 1], sorted[at]];
    assert.ok(before < after || (before === after && exact(one) <= exact(other)), `${what}: ${sorted[at - 1]} before ${sorted[at]}`);
  }
  assert.equal(await page.$eval('#break-list th[aria-sort]', (head) => head.getAttribute('aria-sort')), 'ascending');
}

async function check(browser, file) {
  const name = basename(file);
  const bytes = statSync(file).size;
  assert.ok(bytes < MOST_BYTES, `${name} has ${bytes} bytes`);
  // The fastest of several is told, and nothing is asked of it: a machine that does other things is no reason to fail.
  let fastest = Infinity;
  let shown;
  const minor = new Set();
  for (const [device, size] of Object.entries(SIZES)) {
    for (const scheme of ['light', 'dark']) {
      const what = `${name}, ${device}, ${scheme}`;
      const { page, wrong, took } = await open(browser, file, size, scheme);
      fastest = Math.min(fastest, took);
      shown ??= await page.evaluate(tables);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= size.width, `${what}: ${wide} wide`);
      // A big page once: axe looks at every element.
      if (bytes < 1_500_000 || (device === 'wide' && scheme === 'light')) {
        for (const id of await accessible(page, what)) minor.add(id);
      }
      if (scheme === 'light') await keyboard(page, what);
      assert.deepEqual(wrong, [], what);
      await page.close();
    }
  }

  // On paper nothing is folded.
  {
    const { page, wrong } = await open(browser, file, SIZES.wide, 'dark');
    await page.emulateMediaType('print');
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
    const [rows, unfolded] = [await page.$$eval('tr.more', (all) => all.length), await visible(page, 'tr.more')];
    assert.equal(unfolded, rows, `${name}: unfolded on paper`);
    assert.equal(await page.$$eval('details:not([open])', (all) => all.length), 0);
    const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(paper, 'rgb(255, 255, 255)');
    await page.evaluate(() => dispatchEvent(new Event('afterprint')));
    assert.ok((await page.$$eval('details:not([open])', (all) => all.length)) > 0, 'and folded again');
    assert.deepEqual(wrong, [], name);
    await page.close();
  }

  // Without scripts every row is there, unfolded, and nothing that would need one.
  {
    const { page, wrong } = await open(browser, file, SIZES.wide, 'light', false);
    const seen = await page.evaluate(() => {
      const isSeen = (each) => each.offsetParent !== null;
      const all = [...document.querySelectorAll('#break-list > tbody > tr')];
      return { rows: all.length, seen: all.filter(isSeen).length, forms: [...document.querySelectorAll('form, button, figure')].filter(isSeen).length };
    });
    assert.deepEqual([seen.seen, seen.forms], [seen.rows, 0], `${name}: without scripts`);
    assert.deepEqual(wrong, [], name);
    await page.close();
  }
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(shown));
  const rows = Object.values(shown).reduce((sum, table) => sum + table.length, 0);
  const also = minor.size > 0 ? `; of less weight: ${[...minor].join(', ')}` : '';
  console.log(`${name}: ${Object.keys(shown).length} tables, ${rows} rows, ${bytes} bytes, ${Math.round(fastest)} ms${also}`);
}

const root = process.getuid?.() === 0;
const browser = await puppeteer.launch({ executablePath: chromium, args: root ? ['--no-sandbox'] : [] });
try {
  for (const page of pages) await check(browser, resolve(page));
} finally {
  await browser.close();
}
