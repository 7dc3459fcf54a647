// Looks at the pages of a running server as a browser shows them: accessibility (axe), valid HTML, console, requests
// to other hosts, sideways scrolling, small text, size, reading without script, and rows that appear by themselves.
//
//   node check.js http://127.0.0.1:8010 [--pictures DIR] [--chromium PATH] [--live]

import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HtmlValidate } from "html-validate";
import puppeteer from "puppeteer-core";

const options = process.argv.slice(2);
const option = (name, otherwise) => {
  const at = options.indexOf(name);
  return at < 0 ? otherwise : options[at + 1];
};
const base = options.find((text) => text.startsWith("http"));
if (!base) {
  console.error("error: no address is given.\n  try: node check.js http://127.0.0.1:8010");
  process.exit(2);
}
const pictures = option("--pictures");
const chromium = option("--chromium", "/usr/bin/chromium");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const validator = new HtmlValidate({
  extends: ["html-validate:standard"],
  rules: {
    // Matters of style, which the templates decide.
    "long-title": "off",
    "no-trailing-whitespace": "off",
    "prefer-native-element": "off",
    "void-style": "off",
    "no-implicit-button-type": "off",
    "no-inline-style": "error",
    "svg-focusable": "off",
    "tel-non-breaking": "off",
    "unique-landmark": "error",
    "wcag/h30": "error",
    "wcag/h37": "error",
  },
});

const SIZES = [[390, 844], [1280, 900], [1920, 1080]];
const THEMES = ["light", "dark"];
const LARGEST = 150_000;
const SMALLEST_TEXT = 11.4;
const faults = [];
// The browser notes a page that is not there on its console; these pages are meant to be missing.
const expected = new Set();
const fault = (where, what) => faults.push(`${where}: ${what}`);

const browser = await puppeteer.launch({
  executablePath: chromium,
  args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"],
});

const open = async (path, { width, height, script = true }) => {
  const page = await browser.newPage();
  await page.setViewport({ width, height });
  await page.setJavaScriptEnabled(script);
  await page.setBypassCSP(false);
  const where = `${path} at ${width}`;
  page.on("console", (message) => fault(where, `console: ${message.text()}`));
  page.on("pageerror", (error) => fault(where, `script: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== new URL(base).origin && url.protocol !== "data:") fault(where, `asks ${url.origin}`);
  });
  const answer = await page.goto(base + path, { waitUntil: "load" });
  if (script) {
    // Charts that script draws come after their data.
    await page.waitForFunction(() => [...document.querySelectorAll("[data-plot]")]
      .every((figure) => figure.clientWidth < 524 || "drawn" in figure.dataset), { timeout: 30_000 })
      .catch(() => fault(where, "a time chart was not drawn within 30 s"));
  }
  return { page, answer, where };
};

// Addresses: the fixed ones, and one of each kind that the lists lead to.
const first = async (path, start) => {
  const { page } = await open(path, { width: 1280, height: 900 });
  const href = await page.evaluate(
    (start) => document.querySelector(`main a[href^="${start}"]`)?.getAttribute("href"),
    start,
  );
  await page.close();
  return href;
};
const found = await Promise.all([
  first("/blocks", "/block/"),
  first("/validators", "/validators/"),
  first("/entities", "/entities/"),
  first("/model", "/model/features/"),
]);
// A period between two ends, out of those that the shares cover.
const ends = /start_epoch=(\d+)&end_epoch=(\d+)/.exec(await first("/", "/api/v1/shares") ?? "");
const between = ends ? [`/?period=${ends[1]}..${ends[2] - 1}&history=${ends[1]}..${ends[2] - 1}`] : [];
const paths = ["/", "/?method=counted", ...between, "/blocks", "/blocks?client=teku&p_max=0.6", "/validators",
  "/validators?p_min=0.9&changed=30d", "/entities", "/model", "/sync",
  "/reorgs", "/wall", "/find", "/find?q=nothing-like-this", "/nothing", ...found.filter(Boolean)];

const named = (path) => path.replace(/^\//, "").replace(/[^a-z0-9]+/gi, "-").slice(0, 40) || "overview";

for (const path of paths) {
  for (const [width, height] of SIZES) {
    for (const theme of THEMES) {
      const address = path + (path.includes("?") ? "&" : "?") + `theme=${theme}`;
      const isError = path === "/nothing" || path.startsWith("/find?");
      const { page, answer, where } = await open(isError ? path : address, { width, height });
      if (isError) {
        expected.add(`${where}: console: Failed to load resource: the server responded with a status of 404 (Not Found)`);
      } else if (answer.status() !== 200) fault(where, `status ${answer.status()}`);
      const html = await answer.text();
      if (html.length > LARGEST) fault(where, `${html.length} bytes`);
      if (width === 1280 && theme === "light") {
        const report = await validator.validateString(html);
        for (const message of report.results.flatMap((result) => result.messages)) {
          fault(where, `HTML: ${message.message} (${message.ruleId}, line ${message.line})`);
        }
      }
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      }));
      for (const violation of violations) {
        const nodes = violation.nodes.map((node) => node.target.join(" "));
        fault(`${where} ${theme}`, `axe ${violation.id}: ${nodes.slice(0, 3).join(", ")} (${nodes.length})`);
      }
      const measured = await page.evaluate((smallest) => {
        const small = [];
        for (const text of document.querySelectorAll("svg text, p, td, th, a, span, dt, dd, summary, label")) {
          const box = text.getBoundingClientRect();
          if (!box.width || !text.textContent.trim()) continue;
          // Behind a chart that script draws the picture is for those who do not see.
          if (text.closest(".enhanced svg.wide")) continue;
          const matrix = text.getScreenCTM?.();
          const size = parseFloat(getComputedStyle(text).fontSize) * (matrix ? matrix.a : 1);
          if (size < smallest) small.push(`${size.toFixed(1)} px “${text.textContent.trim().slice(0, 20)}”`);
        }
        const root = document.documentElement;
        return { small: [...new Set(small)].slice(0, 3), wide: root.scrollWidth - root.clientWidth,
          tall: root.scrollHeight - root.clientHeight };
      }, SMALLEST_TEXT);
      for (const text of measured.small) fault(where, `small text ${text}`);
      if (measured.wide > 0) fault(where, `scrolls sideways by ${measured.wide} px`);
      if (path === "/wall" && width === 1920 && measured.tall > 0) fault(where, `the wall scrolls by ${measured.tall} px`);
      if (pictures) {
        mkdirSync(pictures, { recursive: true });
        await page.screenshot({ path: join(pictures, `${named(path)}-${width}-${theme}.png`), fullPage: path !== "/wall" });
      }
      await page.close();
    }
  }
  const without = await open(path, { width: 1281, height: 900, script: false });
  if (without.answer.status() === 404) {
    expected.add(`${without.where}: console: Failed to load resource: the server responded with a status of 404 (Not Found)`);
  }
  const answer = await without.answer.text();
  if (!/<h1[^>]*>[^<]+/.test(answer)) fault(without.where, "has no headline without script");
  await without.page.close();
}

// The third stop of the Tab key shows where it is.
{
  const { page, where } = await open("/", { width: 1280, height: 900 });
  for (let stop = 0; stop < 3; stop += 1) await page.keyboard.press("Tab");
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  if (ring === "none") fault(where, "the third stop of the Tab key has no ring");
  if (pictures) await page.screenshot({ path: join(pictures, "focus.png") });
  await page.close();
}

// Time charts are drawn by script where there is room: as large as the picture, which stays for those who do not see;
// read off and zoomed by keys and by the pointer; the period stands in the address.
{
  const { page, where } = await open("/?history=90d", { width: 1280, height: 900 });
  const figure = "figure[data-plot]";
  if (!(await page.$(`${figure}.enhanced`))) fault(where, "no time chart is drawn by script");
  else {
    const found = await page.evaluate((figure) => {
      const element = document.querySelector(figure);
      const canvas = element.querySelector("canvas");
      const picture = element.querySelector("svg.wide");
      const box = canvas.getBoundingClientRect();
      const drawn = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      return {
        hidden: canvas.getAttribute("aria-hidden"),
        named: picture.getAttribute("role") === "img" && getComputedStyle(picture).display !== "none",
        ratio: box.width / box.height / (picture.viewBox.baseVal.width / picture.viewBox.baseVal.height),
        colours: new Set(drawn.filter((_, at) => at % 4 === 0)).size,
      };
    }, figure);
    if (found.hidden !== "true") fault(where, "the canvas is not hidden from assistive technology");
    if (!found.named) fault(where, "the picture of the time chart is gone");
    if (Math.abs(found.ratio - 1) > 0.02) fault(where, `the canvas has another shape than the picture (${found.ratio})`);
    if (found.colours < 8) fault(where, "the canvas is empty");
    const history = () => new URL(page.url()).searchParams.get("history");
    const settled = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const box = await (await page.$(`${figure} .u-over`)).boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await settled();
    const tip = () => page.$eval(`${figure} .tip`, (tip) => (tip.hidden ? "" : tip.textContent));
    const names = await page.$$eval(`${figure} .multiples .name`, (all) => all.map((name) => name.textContent.trim()));
    const told = await tip();
    for (const name of names) if (!told.includes(name)) fault(where, `the box of the time chart does not tell ${name}: ${told}`);
    if (!/\d\u00a0% ?\d/.test(told) || !told.includes("n\u00a0=")) fault(where, `the box tells no intervals: ${told}`);
    if (pictures) await page.screenshot({ path: join(pictures, "time-chart.png") });
    await page.mouse.move(box.x + box.width * 0.3, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 60, { steps: 4 });
    await page.mouse.up();
    await settled();
    if (!/^\d+\.\.\d+$/.test(history() ?? "")) fault(where, `a drag leaves ${history()} in the address`);
    await page.mouse.click(box.x + box.width / 2, box.y + 80, { count: 2 });
    await settled();
    if (history() !== "90d") fault(where, `a double click leaves ${history()} in the address`);
    await page.mouse.move(0, 0);
    await page.focus(`${figure} .plot`);
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    const spoken = await page.$eval(`${figure} [aria-live]`, (element) => element.textContent);
    if (!names.every((name) => spoken.includes(name))) fault(where, `keys read off “${spoken}”`);
    await page.keyboard.press("+");
    await settled();
    const zoomed = history();
    if (!/^\d+\.\.\d+$/.test(zoomed ?? "")) fault(where, `the key + leaves ${zoomed} in the address`);
    else {
      const again = await open(`/?history=${zoomed}`, { width: 1280, height: 900 });
      if (again.answer.status() !== 200) fault(where, `the zoomed period ${zoomed} is no address`);
      await again.page.close();
    }
    await page.keyboard.press("-");
    await settled();
    if (history() !== "90d") fault(where, `the key − leaves ${history()} in the address`);
    await page.emulateMediaType("print");
    const printed = await page.evaluate((figure) => {
      const element = document.querySelector(figure);
      return [".plot", ".plot-tools", "svg.wide"].map((part) => getComputedStyle(element.querySelector(part)).display);
    }, figure);
    if (printed.join() !== "none,none,block") fault(where, `on paper the parts of the time chart are ${printed.join()}`);
  }
  await page.close();
  const phone = await open("/", { width: 390, height: 844 });
  const loaded = await phone.page.evaluate(() => performance.getEntriesByType("resource").filter((one) => one.name.includes("uplot")).length);
  if (loaded > 0) fault(phone.where, "loads the plotting library without room for it");
  await phone.page.close();
}

// Rows come by themselves, and stop when asked to.
if (options.includes("--live")) {
  const { page, where } = await open("/", { width: 1280, height: 900 });
  const top = () => page.evaluate(() => document.querySelector("[data-rows] tr").dataset.slot);
  const before = await top();
  try {
    await page.waitForFunction((before) => document.querySelector("[data-rows] tr").dataset.slot !== before,
      { timeout: 40_000 }, before);
    if (!(await page.$("[data-rows] tr.fresh"))) fault(where, "the new row is not marked");
  } catch {
    fault(where, "no new row within 40 s");
  }
  await page.click("[data-controls] button");
  const paused = await top();
  await new Promise((done) => setTimeout(done, 15_000));
  if ((await top()) !== paused) fault(where, "a row came while paused");
  await page.close();
}

await browser.close();
const unique = [...new Set(faults)].filter((text) => !expected.has(text));
for (const text of unique) console.log(text);
console.log(`${paths.length} pages, ${SIZES.length} widths, ${THEMES.length} themes: ${unique.length} faults`);
process.exit(unique.length ? 1 : 0);
