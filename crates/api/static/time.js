// Draws a time chart that the reader can zoom into and read off, in place of the server's picture, which stays in the
// document for those who do not see. Bands are drawn here, run by run: they never cross a gap.

const NARROWEST = 524;
const WIDEST = 817;
const UNITS = 552;
const LABEL_DISTANCE = 17;
const THIRDS = [[1 / 3, "1/3"], [2 / 3, "2/3"]];
const NBSP = "\u00a0";

const root = document.documentElement;
const token = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const made = (name, className, text = "") => {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
};

/* Words */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (number) => String(number).padStart(2, "0");
const day = (date) => `${date.getUTCDate()}${NBSP}${MONTHS[date.getUTCMonth()]}`;
const hour = (date) => `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
const count = (number) => number.toLocaleString("en-US");

// One decimal; none where the interval is wider than ten points.
const shareText = ({ share, low, high }) => {
  const digits = high - low > 0.1 ? 0 : 1;
  const number = (value) => (value * 100).toFixed(digits);
  const least = digits ? "0.1" : "1";
  const estimate = share > 0 && Number(number(share)) === 0 ? `<${NBSP}${least}` : number(share);
  return [`${estimate}${NBSP}%`, `${number(low)}–${number(high)}`];
};

/* Data */

// The buckets of the chart, each a value per series or null, with the rule of the server for those that are too empty.
const buckets = (answer, plot, names) => {
  const all = Array.from({ length: Math.round((plot.end - plot.start) / plot.bucket) }, () => null);
  const isFull = (found) => found.n * 4 >= plot.bucket;
  const hasFull = answer.buckets.some(isFull);
  for (const found of answer.buckets) {
    const place = Math.floor((found.start_slot - plot.start) / plot.bucket);
    if (place < 0 || place >= all.length || found.n === 0 || (hasFull && !isFull(found))) continue;
    const values = names.map((name) => {
      const share = found.shares.find((share) => (share.client ?? "unknown") === name);
      return share?.share == null ? null : { share: share.share, low: share.share_low, high: share.share_high };
    });
    all[place] = { n: found.n, values };
  }
  return all;
};

// Runs of neighbouring places that have a value.
const runs = (values) => {
  const found = [];
  values.forEach((value, at) => {
    if (!value) return;
    const last = found.at(-1);
    if (last && last.at(-1) === at - 1) last.push(at);
    else found.push([at]);
  });
  return found;
};

/* The library, loaded once */

let library = null;
const load = (version) => {
  library ??= new Promise((done, failed) => {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = `/assets/uplot.css?v=${version}`;
    const script = document.createElement("script");
    script.src = `/assets/uplot.js?v=${version}`;
    script.addEventListener("load", () => done(window.uPlot));
    script.addEventListener("error", () => failed(new Error("the library did not come")));
    document.head.append(style, script);
  });
  return library;
};

const draw = (uPlot, figure, plot, series, data) => {
  const picture = figure.querySelector("svg.wide");
  const full = [plot.start, plot.end].map(plot.time);
  const middles = data.map((_, at) => plot.time(plot.start + (at + 0.5) * plot.bucket));
  const columns = series.map((_, line) => data.map((bucket) => bucket?.values[line] ?? null));
  const highest = Math.max(0, ...columns.flat().map((value) => value?.high ?? 0));
  const top = highest < 0.6 ? 0.7 : 1;
  const last = data.length - 1;

  const box = made("div", "plot");
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Shares over time. Arrow keys read the values off; plus and minus zoom");
  const tip = made("div", "tip");
  tip.hidden = true;
  const names = made("div", "plot-names");
  names.setAttribute("aria-hidden", "true");
  const spoken = made("p", "unseen");
  spoken.setAttribute("aria-live", "polite");
  const tools = made("div", "plot-tools");

  const size = () => {
    const width = Math.min(figure.clientWidth, WIDEST);
    return { width, height: Math.round((width * picture.viewBox.baseVal.height) / UNITS) };
  };
  let chart = null;
  const scale = () => (chart?.width ?? size().width) / UNITS;
  const font = (weight = "") => `${weight} ${(12 * scale()).toFixed(1)}px ${getComputedStyle(document.body).fontFamily}`.trim();

  const place = (value, axis) => chart.valToPos(value, axis, true);
  const open = (context) => {
    const { left, top: y, width, height } = chart.bbox;
    context.save();
    context.beginPath();
    context.rect(left, y, width, height);
    context.clip();
  };

  // Under the lines: what is missing, bands, limits.
  const ground = () => {
    const context = chart.ctx;
    const { left, top: y, width, height } = chart.bbox;
    const one = uPlot.pxRatio;
    open(context);
    context.strokeStyle = token("--line-strong");
    context.lineWidth = one;
    for (const [from, to] of plot.gaps) {
      const [a, b] = [from, to].map((slot) => place(plot.time(slot), "x"));
      context.save();
      context.beginPath();
      context.rect(a, y, Math.max(b - a, 3 * one), height);
      context.clip();
      context.beginPath();
      for (let x = a - height; x < b; x += 8.5 * one) {
        context.moveTo(x, y + height);
        context.lineTo(x + height, y);
      }
      context.stroke();
      context.restore();
    }
    for (const [slot] of plot.forks) {
      context.beginPath();
      context.moveTo(place(plot.time(slot), "x"), y);
      context.lineTo(place(plot.time(slot), "x"), y + height);
      context.stroke();
    }
    context.globalAlpha = Number(token("--band"));
    columns.forEach((values, line) => {
      context.fillStyle = context.strokeStyle = token(series[line].color);
      for (const run of runs(values)) {
        context.beginPath();
        run.forEach((at) => context.lineTo(place(middles[at], "x"), place(values[at].high, "y")));
        run.toReversed().forEach((at) => context.lineTo(place(middles[at], "x"), place(values[at].low, "y")));
        context.closePath();
        if (run.length > 1) context.fill();
        else {
          context.lineWidth = 3 * one;
          context.stroke();
        }
      }
    });
    context.globalAlpha = 0.75;
    context.strokeStyle = token("--ink");
    context.lineWidth = 1.25 * one;
    context.setLineDash([5 * one, 3 * one]);
    for (const [limit] of THIRDS) {
      context.beginPath();
      context.moveTo(left, place(limit, "y"));
      context.lineTo(left + width, place(limit, "y"));
      context.stroke();
    }
    context.restore();
    context.save();
    context.fillStyle = token("--ink");
    context.font = font("600").replace(/([\d.]+)px/, (_, size) => `${size * one}px`);
    context.textAlign = "right";
    context.textBaseline = "middle";
    const from = chart.scales.x;
    for (const [limit, name] of THIRDS) context.fillText(name, left - 8 * scale() * one, place(limit, "y"));
    context.fillStyle = token("--ink-2");
    context.textAlign = "center";
    context.font = context.font.replace("600 ", "");
    for (const [slot, name] of plot.forks) {
      const time = plot.time(slot);
      const half = context.measureText(name).width / 2;
      const middle = Math.min(Math.max(place(time, "x"), left + half), left + width - half);
      if (time > from.min && time < from.max) context.fillText(name, middle, y - 7 * one);
    }
    context.restore();
  };

  // Over the lines: values without neighbours, and what leads to the names.
  const above = () => {
    const context = chart.ctx;
    const one = uPlot.pxRatio;
    const range = chart.scales.x;
    open(context);
    columns.forEach((values, line) => {
      context.fillStyle = token(series[line].color);
      for (const [at, ...others] of runs(values)) {
        if (others.length > 0) continue;
        context.beginPath();
        context.arc(place(middles[at], "x"), place(values[at].share, "y"), 4 * scale() * one, 0, 7);
        context.fill();
      }
    });
    context.restore();
    const shown = columns.flatMap((values, line) => {
      const at = values.findLastIndex((value, at) => value && middles[at] >= range.min && middles[at] <= range.max);
      if (at < 0) return [];
      const end = chart.valToPos(values[at].share, "y");
      return [{ line, x: chart.valToPos(middles[at], "x"), end, y: end }];
    });
    shown.sort((a, b) => a.end - b.end);
    const distance = LABEL_DISTANCE * scale();
    const { left, top: y, width, height } = chart.bbox;
    let limit = -Infinity;
    for (const label of shown) limit = (label.y = Math.max(label.y, limit + distance));
    limit = height / one + distance;
    for (const label of shown.toReversed()) limit = (label.y = Math.min(label.y, limit - distance));
    context.save();
    context.setLineDash([]);
    context.strokeStyle = token("--line-strong");
    context.lineWidth = one;
    const right = left + width;
    for (const name of names.children) name.hidden = true;
    for (const label of shown) {
      context.beginPath();
      context.moveTo(left + label.x * one + 2 * one, y + label.end * one);
      context.lineTo(right + 8 * scale() * one, y + label.end * one);
      context.lineTo(right + 16 * scale() * one, y + label.y * one);
      context.stroke();
      const name = names.children[label.line];
      name.hidden = false;
      name.style.left = `${right / one + 16 * scale()}px`;
      name.style.top = `${y / one + label.y}px`;
      name.style.fontSize = `${13.5 * scale()}px`;
    }
    context.restore();
  };

  // One box for all clients.
  const show = () => {
    const at = chart.cursor.idx;
    if (at == null || chart.cursor.left < 0) {
      tip.hidden = true;
      return;
    }
    const from = plot.start + at * plot.bucket;
    const date = new Date(plot.time(from) * 1000);
    const when = plot.isTime
      ? `${day(date)} ${date.getUTCFullYear()}${plot.bucketSeconds < 86400 ? ` ${hour(date)}${NBSP}UTC` : ""}`
      : `From slot${NBSP}${count(from)}`;
    const bucket = data[at];
    const head = made("p", "tip-head", bucket ? `${when}, n${NBSP}=${NBSP}${count(bucket.n)}` : `${when}: nothing to draw`);
    const table = made("dl", "");
    const rows = columns.map((values, line) => ({ line, value: values[at] })).filter((row) => row.value);
    rows.sort((a, b) => b.value.share - a.value.share);
    const words = [];
    for (const { line, value } of rows) {
      const [share, interval] = shareText(value);
      const name = made("dt", "");
      name.append(series[line].label.cloneNode(true));
      const numbers = made("dd", "");
      numbers.append(made("b", "", share), ` ${interval}`);
      table.append(name, numbers);
      words.push(`${series[line].name} ${share} (${interval.replace("–", " to ")})`);
    }
    tip.replaceChildren(head, table);
    tip.hidden = false;
    const x = chart.over.offsetLeft + chart.valToPos(middles[at], "x");
    const isRight = x + 14 + tip.offsetWidth > chart.width;
    tip.style.left = `${Math.max(0, isRight ? x - 14 - tip.offsetWidth : x + 14)}px`;
    tip.style.top = `${chart.over.offsetTop}px`;
    return `${head.textContent}. ${words.join("; ")}`;
  };

  const isWhole = () => chart.scales.x.min <= full[0] && chart.scales.x.max >= full[1];
  const zoomTo = (min, max) => chart.setScale("x", { min, max });
  const zoom = (factor) => {
    const { min, max } = chart.scales.x;
    const middle = chart.cursor.left >= 0 && chart.cursor.idx != null ? middles[chart.cursor.idx] : (min + max) / 2;
    const width = Math.min(Math.max((max - min) * factor, 3 * (middles[1] - middles[0])), full[1] - full[0]);
    const from = Math.min(Math.max(middle - width / 2, full[0]), full[1] - width);
    zoomTo(from, from + width);
  };

  const address = new URL(location.href).searchParams.get("history");
  let isReady = false;
  const keep = () => {
    if (!isReady) return;
    const url = new URL(location.href);
    if (!isWhole()) {
      const epochs = [chart.scales.x.min, chart.scales.x.max].map((value) => plot.slot(value) / plot.epoch);
      const first = Math.floor(Math.max(epochs[0], plot.start / plot.epoch));
      url.searchParams.set("history", `${first}..${Math.max(first, Math.ceil(epochs[1]) - 1)}`);
    } else if (address) url.searchParams.set("history", address);
    else url.searchParams.delete("history");
    if (url.href !== location.href) history.replaceState(history.state, "", url);
    tools.querySelector("[data-all]").disabled = isWhole();
  };

  const line = (at, dash) => ({
    scale: "y",
    stroke: () => token(series[at].color),
    width: 2,
    dash,
    spanGaps: false,
    points: { show: false },
  });
  // The newest bucket is not complete: its piece is a dashed line of its own.
  const closed = (values) => values.map((value, at) => (plot.isOpen && at === last ? null : (value?.share ?? null)));
  const opened = (values) => values.map((value, at) => (plot.isOpen && at >= last - 1 ? (value?.share ?? null) : null));
  const ticks = [0, 0.1, 0.2, 0.5, 1];

  chart = new uPlot({
    ...size(),
    padding: [() => 14 * scale(), () => 112 * scale(), () => 0, () => 0],
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: true },
      bind: { dblclick: () => () => { zoomTo(...full); return null; } },
    },
    scales: {
      x: { time: plot.isTime, range: (_, min, max) => (isReady ? [Math.max(min, full[0]), Math.min(max, full[1])] : full) },
      y: { range: () => [0, top] },
    },
    axes: [
      {
        size: () => 26 * scale(),
        gap: 5,
        space: 72 * scale(),
        font: font(),
        stroke: () => token("--ink-2"),
        grid: { show: false },
        ticks: { stroke: () => token("--line-strong"), width: 1, size: 4 },
        border: { show: true, stroke: () => token("--line-strong"), width: 1 },
        values: (_, splits, __, ___, step) => splits.map((value) => {
          if (!plot.isTime) return count(value);
          const date = new Date(value * 1000);
          if (step >= 2_000_000) return `${MONTHS[date.getUTCMonth()]}${NBSP}${date.getUTCFullYear()}`;
          return step >= 86400 || value % 86400 === 0 ? day(date) : hour(date);
        }),
      },
      {
        size: () => 44 * scale(),
        gap: 4,
        font: font(),
        stroke: () => token("--ink-2"),
        grid: { stroke: () => token("--line"), width: 1 },
        ticks: { show: false },
        splits: (self) => ticks.filter((tick) => {
          const height = self.over.clientHeight || 282 * scale();
          return tick <= top && THIRDS.every(([limit]) => (Math.abs(tick - limit) / top) * height >= 14);
        }),
        values: (_, splits) => splits.map((value, at) => `${value * 100}${at === splits.length - 1 ? `${NBSP}%` : ""}`),
      },
    ],
    series: [{}, ...series.flatMap((_, at) => [line(at), line(at, [4, 3])])],
    hooks: {
      drawAxes: [() => chart && ground()],
      draw: [() => chart && above()],
      setCursor: [() => chart && show()],
      setScale: [(_, key) => { if (chart && key === "x") keep(); }],
    },
  }, [middles, ...columns.flatMap((values) => [closed(values), opened(values)])], (self, ready) => {
    chart = self;
    for (const entry of series) {
      const name = made("span", "");
      name.append(entry.label.cloneNode(true));
      names.append(name);
    }
    for (const [text, label, press] of [
      ["+", "Zoom in", () => zoom(0.5)],
      ["\u2212", "Zoom out", () => zoom(2)],
      ["All", "All of the time", () => zoomTo(...full)],
    ]) {
      const button = made("button", "", text);
      button.type = "button";
      button.setAttribute("aria-label", label);
      if (text === "All") {
        button.dataset.all = "";
        button.disabled = true;
      }
      button.addEventListener("click", press);
      tools.append(button);
    }
    box.append(self.root, names, tip);
    picture.before(box, tools, spoken);
    figure.classList.add("enhanced");
    self.root.querySelector("canvas").setAttribute("aria-hidden", "true");
    ready();
  });
  // What is set while it is built is no choice of the reader.
  setTimeout(() => { isReady = true; });

  let at = null;
  box.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key in steps) {
      const { min, max } = chart.scales.x;
      const shown = middles.flatMap((middle, place) => (middle >= min && middle <= max ? [place] : []));
      if (shown.length === 0) return;
      const from = at ?? (steps[event.key] < 0 ? shown.at(-1) + 1 : shown[0] - 1);
      at = Math.min(Math.max(from + steps[event.key], shown[0]), shown.at(-1));
      chart.setCursor({ left: chart.valToPos(middles[at], "x"), top: 0 });
      spoken.textContent = show() ?? "";
    } else if (event.key === "+" || event.key === "=") zoom(0.5);
    else if (event.key === "-") zoom(2);
    else if (event.key === "0" || event.key === "Escape") zoomTo(...full);
    else return;
    event.preventDefault();
  });
  box.addEventListener("blur", () => {
    at = null;
    chart.setCursor({ left: -10, top: -10 });
  });

  new ResizeObserver(() => {
    if (figure.clientWidth < NARROWEST) return;
    const next = size();
    if (next.width === chart.width) return;
    chart.setSize(next);
  }).observe(figure);
  const repaint = () => chart.redraw(true);
  new MutationObserver(repaint).observe(root, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
};

const enhance = async (figure) => {
  const { plot: address, start, end, bucket, epoch, genesis, seconds, gaps, forks, open, version } = figure.dataset;
  const clock = genesis === undefined ? null : { genesis: Number(genesis), seconds: Number(seconds) };
  const plot = {
    start: Number(start),
    end: Number(end),
    bucket: Number(bucket),
    epoch: Number(epoch),
    isTime: clock !== null,
    isOpen: open !== undefined,
    bucketSeconds: Number(bucket) * (clock?.seconds ?? 0),
    gaps: gaps.split(" ").filter(Boolean).map((gap) => gap.split("-").map(Number)),
    forks: forks.split(" ").filter(Boolean).map((fork) => fork.split("-")).map(([slot, name]) => [Number(slot), name]),
    time: (slot) => (clock ? clock.genesis + slot * clock.seconds : slot),
    slot: (time) => (clock ? (time - clock.genesis) / clock.seconds : time),
  };
  const series = [...figure.querySelectorAll(".multiples .name")].map((label) => {
    const name = label.textContent.trim();
    const key = name.toLowerCase();
    return { name, key, label: label.firstElementChild, color: `--c-${key === "other" ? "unknown" : key}` };
  });
  const answer = await fetch(address, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(20000) });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const data = buckets(await answer.json(), plot, series.map((entry) => entry.key));
  if (data.length < 2 || data.every((bucket) => !bucket)) return;
  draw(await load(version), figure, plot, series, data);
};

for (const figure of document.querySelectorAll("[data-plot]")) {
  // Where it is too narrow now, it is drawn once there is room.
  const wide = new ResizeObserver(() => {
    if (figure.clientWidth < NARROWEST) return;
    wide.disconnect();
    // Without its data or the library the picture of the server stays.
    enhance(figure).catch(() => {}).finally(() => { figure.dataset.drawn = ""; });
  });
  wide.observe(figure);
}
