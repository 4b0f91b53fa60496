// Curves of all channels, one chart a quantity. Each chart has a grid of equal buckets of time; a bucket holds the least and
// the greatest of its readings, so that nothing is smoothed away. null in the data is a gap, undefined only an empty bucket.

import {byId, digits, labels, make, moment, say, steps, words} from "./elements.js";

const BUCKETS = 360;
const HEIGHT = 190;
const SPANS = [["10 min", 600], ["1 h", 3600], ["6 h", 21600], ["24 h", 86400], ["Whole run", null]];
const CHARTS = {
  flow: "Flow", delivered: "Delivered against programmed (as weighed, uncorrected)", pressure: "Pressure", temperature: "Temperature",
  current: "Current", voltage: "Voltage", mass: "Balance", reservoir: "Reservoir", humidity: "Humidity", air: "Air pressure", other: "Other",
};
const KINDS = ["weighed", "programmed", "flow sensor", "rate the pump says", "pump's count"];
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]];
const HELD = ["rate the pump says"]; // asked now and then, and so until the next time
const SHORTEST_S = 1;
const ROOM = 1.15; // to grow into, of the whole run: each time it is used up, every curve is asked for anew

/** As they are listed everywhere: by chart, then by what they are, then by unit. */
export function ordered(channels) {
  const charts = Object.keys(CHARTS);
  const place = (list, value) => (list.includes(value) ? list.indexOf(value) : list.length);
  const key = (channel) => [place(charts, channel.chart), place(KINDS, channel.title)];
  return [...channels].sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    return a[0] - b[0] || a[1] - b[1] || one.title.localeCompare(other.title) || one.serial.localeCompare(other.serial);
  });
}

export class Curves {
  constructor(connection, bench) {
    Object.assign(this, {connection, bench, channels: [], charts: [], only: null, view: {span: 600}, isWanted: false, isAsking: false, seen: new Set()});
    this.observer = new IntersectionObserver((entries) => {
      for (const entry of entries) this.seen[entry.isIntersecting ? "add" : "delete"](entry.target);
    });
    this.buttons = SPANS.map(([text, span]) => this.button("spans", text, () => this.setView(span === null ? {all: true} : {span})));
    const moves = [["◀", "Earlier", -0.5, 1], ["▶", "Later", 0.5, 1], ["−", "Zoom out", 0, 2], ["+", "Zoom in", 0, 0.5]];
    for (const [sign, name, by, factor] of moves) this.button("moves", sign, () => this.move(by, factor)).setAttribute("aria-label", name);
    this.live = this.button("moves", "Live", () => this.setView({span: this.lastSpan ?? 600}));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.build());
    new ResizeObserver(() => this.resize()).observe(byId("charts"));
    this.mark();
  }

  button(group, text, act) {
    const button = make("button", {type: "button"}, text);
    button.addEventListener("click", act);
    byId(group).append(button);
    return button;
  }

  /** Another run is looked at. */
  whole(message) {
    this.view = message.run.clock === "virtual" || message.run.state === "closed" ? {all: true} : {span: 600};
    this.channels = ordered(message.channels);
    this.build();
  }

  tick(message) {
    if (message.channels && message.channels.length !== this.channels.length) {
      this.channels = ordered(message.channels);
      this.build();
    } else if (message.draw_anew) {
      this.load();
    } else if (message.points && !this.view.to) {
      for (const chart of this.charts) chart.add(message.points);
    }
  }

  filter(serial) {
    this.only = serial;
    this.build();
  }

  setView(view) {
    this.view = view;
    if (view.span) this.lastSpan = view.span;
    this.mark();
    this.load();
  }

  mark() {
    SPANS.forEach(([, span], index) => this.buttons[index].setAttribute("aria-pressed", String(span === null ? Boolean(this.view.all) : this.view.span === span)));
    this.live.disabled = Boolean(this.view.span);
  }

  /** From and to, s of the run. */
  range() {
    const now = Math.max(this.bench.now(), SHORTEST_S);
    if (this.view.to) return [this.view.from, this.view.to];
    if (this.grows()) return [0, Math.max(now, 30) * (this.bench.goesOn() ? ROOM : 1.02)];
    return [now - this.view.span, now + this.view.span * 0.02];
  }

  /** The whole run is shown, which becomes longer: the grid is made anew now and then, and does not slide. */
  grows() {
    return Boolean(this.view.all) || (this.view.span && this.bench.now() < this.view.span);
  }

  /** Move by a part of what is shown, and show `factor` times as much of it. */
  move(by, factor) {
    const [from, to] = this.range();
    const width = Math.max(SHORTEST_S, (to - from) * factor);
    const middle = (from + to) / 2 + by * (to - from);
    this.setView({from: middle - width / 2, to: middle + width / 2});
  }

  build() {
    this.observer.disconnect();
    this.seen.clear();
    for (const chart of this.charts) chart.plot.destroy();
    const serials = [...new Set(this.channels.map((channel) => channel.serial))];
    const shown = this.channels.filter((channel) => !this.only || channel.serial === this.only);
    this.charts = Object.keys(CHARTS).map((name) => [name, shown.filter((channel) => channel.chart === name)])
      .filter(([, channels]) => channels.length).map(([name, channels]) => new Chart(this, CHARTS[name], channels, serials));
    byId("charts").replaceChildren(...this.charts.map((chart) => chart.figure));
    for (const chart of this.charts) this.observer.observe(chart.figure);
    this.resize();
    this.mark();
    this.load();
  }

  resize() {
    for (const chart of this.charts) {
      const width = chart.figure.clientWidth - 18;
      if (width > 50 && chart.plot.width !== width) chart.plot.setSize({width, height: HEIGHT});
    }
  }

  /** The curves of the time that is shown, from the server: one request at a time, and one more for all that came meanwhile. */
  async load() {
    this.isWanted = true;
    if (this.isAsking) return;
    this.isAsking = true;
    while (this.isWanted && this.charts.length) {
      this.isWanted = false;
      const {charts} = this;
      const [from_s, to_s] = this.range();
      const channels = charts.flatMap((chart) => chart.channels.map((channel) => channel.number));
      try {
        const told = await this.connection.ask({do: "curve", channels, from_s, to_s, buckets: BUCKETS});
        if (charts === this.charts) for (const chart of charts) chart.take(told);
      } catch {
        // the connection was lost: the whole run comes anew with the next one
      }
    }
    this.isAsking = false;
  }

  /** Once a second: the charts that can be seen are drawn. */
  breathe() {
    if (document.hidden || !this.charts.length) return;
    let [from, to] = this.range();
    if (this.grows()) {
      const end = this.charts[0].from + this.charts[0].width * BUCKETS;
      if (this.bench.now() > end) this.load();
      [from, to] = [0, Math.max(end, 1)];
    }
    for (const chart of this.charts) {
      if (this.view.span) chart.slide(to);
      if (this.seen.has(chart.figure)) chart.draw(from, to);
    }
  }
}

class Chart {
  constructor(curves, title, channels, serials) {
    Object.assign(this, {curves, channels, from: 0, width: 1, isNew: true});
    const kinds = [...new Set(channels.map((channel) => channel.title))];
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.row = new Map(channels.map((channel, index) => [channel.number, index + 1]));
    this.values = channels.map(() => make("b"));
    const lines = channels.map((channel) => ({
      stroke: colour(`--c${serials.indexOf(channel.serial) % 8}`), width: 1.5, dash: DASHES[kinds.indexOf(channel.title) % DASHES.length],
      paths: HELD.includes(channel.title) ? globalThis.uPlot.paths.stepped({align: 1}) : undefined, points: {show: true, size: 4, filter: (plot, row) => lonely(plot.data[row])}, label: `${channel.serial} ${channel.title}`,
    }));
    const axis = {stroke: colour("--quiet"), grid: {stroke: colour("--grid"), width: 1}, ticks: {stroke: colour("--grid"), width: 1}, font: "12px system-ui"};
    const keys = "Keys: arrows move, plus and minus zoom, Home shows the whole run, Escape goes back to live. The values stand below.";
    this.plotted = make("div", {class: "plot", tabindex: 0, role: "group", "aria-label": `${title}, ${channels.length} curves. ${keys}`});
    this.plotted.addEventListener("keydown", (event) => this.key(event));
    const unit = [...new Set(channels.map((channel) => channel.unit))].join(", ");
    const legend = channels.map((channel, index) => make("li", {}, sample(lines[index]), words(`${channel.serial} ${channel.title}`), this.values[index]));
    this.at = make("span", {class: "quiet"});
    const caption = make("figcaption", {}, make("h3", {}, `${title}${unit ? ` in ${unit}` : ""} `, this.at));
    const list = make("ul", {class: "legend", tabindex: 0, "aria-label": `Values of ${title}`}, ...legend);
    this.figure = make("figure", {}, caption, this.plotted, list);
    this.clear();
    this.plot = new globalThis.uPlot({
      width: 400, height: HEIGHT, legend: {show: false}, series: [{}, ...lines],
      scales: {x: {time: false}}, cursor: {drag: {x: true, y: false, setScale: false}, points: {show: false}},
      axes: [{...axis, space: 80, splits: (_, __, from, to) => steps(from, to, this.plot.width / 90), values: (_, splits) => labels(splits)}, {...axis, size: 62, values: (_, splits) => splits.map((split) => digits(split, 6))}],
      hooks: {setSelect: [(plot) => this.selected(plot)], setCursor: [() => this.tellValues()]},
    }, this.data, this.plotted);
  }

  clear() {
    this.data = [this.times(), ...this.channels.map(() => new Array(2 * BUCKETS).fill(undefined))];
  }

  times() {
    return Array.from({length: 2 * BUCKETS}, (_, index) => this.from + (index + 0.5) * this.width / 2);
  }

  /** The message `curve`. */
  take(told) {
    [this.from, this.width] = [told.from_s, told.width_s];
    this.clear();
    for (const [number, [buckets, least, greatest]] of Object.entries(told.curves)) {
      const row = this.data[this.row.get(Number(number))];
      if (row) buckets.forEach((bucket, index) => put(row, bucket, least[index], greatest[index]));
    }
    for (const [number, gaps] of Object.entries(told.gaps)) {
      const row = this.data[this.row.get(Number(number))];
      if (row) for (const [start, end] of gaps) this.gap(row, start, end);
    }
    this.draw(...this.curves.range());
  }

  gap(row, start, end) {
    const [first, last] = [Math.max(0, this.bucket(start)), Math.min(BUCKETS - 1, this.bucket(end))];
    for (let index = 2 * first + 1; index < 2 * last; index += 1) if (row[index] === undefined) row[index] = null;
  }

  bucket(t) {
    return Math.floor((t - this.from) / this.width);
  }

  /** New readings: [t, value, t, value, ...] by channel. */
  add(points) {
    for (const channel of this.channels) {
      const told = points[channel.number];
      if (!told) continue;
      const row = this.data[this.row.get(channel.number)];
      for (let index = 0; index < told.length; index += 2) {
        this.slide(told[index]);
        const bucket = this.bucket(told[index]);
        const [one, other] = [row[2 * bucket], row[2 * bucket + 1]];
        const before = [one, other].filter((value) => typeof value === "number");
        if (bucket >= 0 && bucket < BUCKETS) put(row, bucket, Math.min(told[index + 1], ...before), Math.max(told[index + 1], ...before));
      }
    }
  }

  /** Make room up to `to`, if time has gone beyond the last bucket. */
  slide(to) {
    const beyond = this.bucket(to) - BUCKETS + 1;
    if (beyond <= 0 || this.curves.grows()) return;
    const count = Math.min(BUCKETS, beyond + 4);
    this.from += (beyond + 4) * this.width;
    for (const row of this.data.slice(1)) {
      row.splice(0, 2 * count);
      for (let index = 0; index < 2 * count; index += 1) row.push(undefined);
    }
    this.data[0] = this.times();
  }

  draw(from, to) {
    this.plot.batch(() => {
      this.plot.setData(this.data, false);
      this.plot.setScale("x", {min: from, max: to});
    });
    this.tellValues();
  }

  /** Below the chart: the latest values, or those under the pointer. */
  tellValues() {
    const index = this.plot?.cursor.idx;
    const pointed = index !== null && index !== undefined && this.plot.cursor.left >= 0;
    say(this.at, pointed ? `at ${moment(this.data[0][index])}` : "");
    this.channels.forEach((channel, row) => {
      const value = pointed ? near(this.data[row + 1], index) : this.curves.bench.latest.get(channel.number);
      say(this.values[row], `${digits(value)} ${channel.unit}`);
    });
  }

  selected(plot) {
    if (plot.select.width < 5) return;
    const [from, to] = [plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x")];
    plot.setSelect({left: 0, top: 0, width: 0, height: 0}, false);
    this.curves.setView({from, to: Math.max(to, from + SHORTEST_S)});
  }

  key(event) {
    const {curves} = this;
    const acts = {
      ArrowLeft: () => curves.move(-0.25, 1), ArrowRight: () => curves.move(0.25, 1), "+": () => curves.move(0, 0.5), "-": () => curves.move(0, 2),
      Home: () => curves.setView({all: true}), Escape: () => curves.setView({span: curves.lastSpan ?? 600}),
    };
    if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    acts[event.key]();
  }
}

/** Least and greatest of a bucket; one reading stands alone. */
function put(row, bucket, least, greatest) {
  row[2 * bucket] = least;
  row[2 * bucket + 1] = greatest === least ? undefined : greatest;
}

/** Places of readings between two gaps that no line would show. */
function lonely(row) {
  const found = [];
  let [count, last] = [0, 0];
  const end = () => {
    if (count === 1) found.push(last);
    count = 0;
  };
  row.forEach((value, index) => {
    if (value === null) end();
    else if (value !== undefined) [count, last] = [count + 1, index];
  });
  end();
  return found;
}

/** The value at a place of the grid, or the last one before it that is not beyond a gap. */
function near(row, index) {
  for (let at = index; at >= 0 && row[at] !== null; at -= 1) if (row[at] !== undefined) return row[at];
  return undefined;
}

/** A piece of line as it is drawn. */
function sample({stroke, dash}) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  for (const [name, value] of Object.entries({x1: 0, x2: 26, y1: 4, y2: 4, stroke, "stroke-width": 2, "stroke-dasharray": dash.join(" ")})) line.setAttribute(name, value);
  drawing.setAttribute("aria-hidden", "true");
  drawing.append(line);
  return drawing;
}
