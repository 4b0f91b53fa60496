// The bench at a glance: the run, its units, its criteria, what happened.

import {ordered} from "./curves.js";
import {badge, byId, digits, heading, left, levelOf, make, moment, result, say, setZero, show, span, words} from "./elements.js";

const EVENTS_SHOWN = 200;
const STATES = {
  opening: ["opening", "quiet"], running: ["RUNNING", "good"], closing: ["closing", "doubt"], closed: ["closed", "quiet"],
  left: ["PROCESS GONE", "bad"], guard: ["GUARD ACTED", "bad"], damaged: ["DAMAGED", "bad"],
};

export class Bench {
  constructor(announce, filtered) {
    Object.assign(this, {announce, filtered, run: null, units: [], events: [], soFar: [], cards: new Map(), chosen: null});
  }

  /** The whole state of a run. */
  whole(message) {
    this.events = [];
    this.cards.clear();
    byId("units").replaceChildren();
    byId("events").replaceChildren();
    this.chosen = null;
    this.soFar = message.so_far;
    this.channels = ordered(message.channels);
    this.latest = new Map(Object.entries(message.latest).map(([number, [, value]]) => [Number(number), value]));
    this.tick(message, false);
  }

  /** What changed. */
  tick(message, isNews = true) {
    if (message.run) {
      this.run = message.run;
      this.units = message.units;
      setZero(this.run.zero_utc_s);
      this.drawRun();
    }
    if (message.channels) this.channels = ordered(message.channels);
    for (const [number, points] of Object.entries(message.points ?? {})) this.latest.set(Number(number), points.at(-1));
    if (message.so_far) this.soFar = message.so_far;
    if (message.run || message.so_far) this.drawCriteria();
    if (message.events) this.drawEvents(message.events, isNews);
    if (message.t_s !== undefined) this.t = message.t_s;
    this.ahead = message.utc_s ? message.utc_s - Date.now() / 1000 : (this.ahead ?? 0);
  }

  goesOn() {
    return Boolean(this.run) && ["running", "opening"].includes(this.run.state);
  }

  /** The time of the run now, s: by the server's clock in real time, else that of its last record. */
  now() {
    const zero = this.run?.zero_utc_s;
    return zero && this.goesOn() ? Math.max(this.t, Date.now() / 1000 + this.ahead - zero) : (this.t ?? 0);
  }

  drawRun() {
    const run = this.run;
    byId("title").replaceChildren(words(`${run.plan ?? run.name} ${run.revision ?? ""}`), " on ", words(run.bench ?? "?"));
    document.title = `${run.state === "closed" ? run.outcome : run.state} - ${run.plan ?? run.name}`;
    show(byId("rehearsal"), Boolean(run.rehearsal));
    const [word, level] = run.state === "closed" && run.outcome ? [run.outcome, levelOf(run.outcome)] : (STATES[run.state] ?? [run.state, "quiet"]);
    byId("state").className = `badge ${level}`;
    say(byId("state"), word);
    const trouble = [run.trouble, run.words, run.reason].filter(Boolean).join("; ");
    say(byId("trouble"), trouble);
    show(byId("trouble"), trouble !== "");
    for (const unit of this.units) {
      if (!this.cards.has(unit.serial)) this.addCard(unit);
      this.drawUnit(unit);
    }
  }

  addCard(unit) {
    const pick = make("button", {type: "button", "aria-pressed": "false"}, "Only its curves");
    pick.addEventListener("click", () => this.choose(this.chosen === unit.serial ? null : unit.serial));
    const parts = {
      state: make("span", {class: "badge"}), doing: make("p"), alarms: make("p", {class: "alarms"}), pick,
      progress: make("progress", {max: 1, "aria-label": `Step of ${unit.serial}`}), left: make("p", {class: "quiet"}), values: make("dl"),
    };
    const index = this.cards.size;
    const name = make("h3", {}, words(unit.serial));
    const head = make("header", {}, name, words(unit.model), parts.state);
    parts.card = make("article", {class: "unit"}, head, parts.alarms, parts.doing, parts.progress, parts.left, parts.values, pick);
    parts.card.style.setProperty("--unit", `var(--c${index % 8})`);
    this.cards.set(unit.serial, parts);
    byId("units").append(parts.card);
  }

  choose(serial) {
    this.chosen = serial;
    for (const [name, parts] of this.cards) parts.pick.setAttribute("aria-pressed", String(name === serial));
    this.filtered(serial);
  }

  drawUnit(unit) {
    const parts = this.cards.get(unit.serial);
    const delivers = unit.running ? `delivers ${digits(unit.rate_ml_h)} mL/h` : "stopped";
    say(parts.state, unit.running === null ? "" : delivers);
    parts.state.className = `badge ${unit.running ? "good" : "quiet"}`;
    parts.doing.replaceChildren(words(unit.case), unit.step ? " · " : "", make("strong", {}, words(unit.step)));
    say(parts.alarms, unit.alarms.map((alarm) => `${alarm.critical ? "CRITICAL ALARM" : "ALARM"}: ${alarm.name}, since ${moment(alarm.since_s)}`).join(" · "));
    parts.card.classList.toggle("alarmed", unit.alarms.length > 0);
  }

  /** Once a second: what moves with time. */
  breathe() {
    if (!this.run) return;
    const now = this.now();
    const {run} = this;
    const entries = [
      [run.zero_utc_s ? "begun" : "run time", run.zero_utc_s ? `${moment(0)} (${span(now)} ago)` : span(now)],
      ["operator", run.operator ?? ""],
    ];
    if (run.state === "running" && run.case_ends_s !== null) entries.push(["case", left(run.case_ends_s - now)]);
    if (run.state === "running" && run.run_ends_s !== null) entries.push(["run", left(run.run_ends_s - now)]);
    if (run.reading < 1) entries.push(["reading the record", `${Math.round(100 * run.reading)} %`]);
    const told = JSON.stringify(entries);
    if (told !== this.toldTimes) {
      this.toldTimes = told;
      byId("times").replaceChildren(...entries.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, words(text)))));
    }
    for (const unit of this.units) this.breatheUnit(unit, this.cards.get(unit.serial), now);
  }

  breatheUnit(unit, parts, now) {
    const planned = unit.step_planned_s;
    show(parts.progress, Boolean(planned));
    say(parts.left, planned ? left(unit.step_from_s + planned - now) : "");
    if (planned) parts.progress.value = Math.min(1, (now - unit.step_from_s) / planned);
    const mine = this.channels.filter((channel) => channel.serial === unit.serial);
    if (parts.shown !== mine.length) {
      parts.shown = mine.length;
      parts.cells = mine.map((channel) => [channel.number, channel.unit, make("dd")]);
      parts.values.replaceChildren(...mine.map((channel, index) => make("div", {}, make("dt", {}, words(channel.title)), parts.cells[index][2])));
    }
    for (const [number, unitOfIt, cell] of parts.cells) say(cell, `${digits(this.latest.get(number))} ${unitOfIt}`);
  }

  drawCriteria() {
    const decided = this.units.flatMap((unit) => unit.verdicts.map((row) => ({...row, serial: unit.serial, soFar: false})));
    const rows = [...this.soFar.map((row) => ({...row, soFar: true})), ...decided.reverse()];
    const head = heading("Unit", "Case", "Criterion", "Verdict", "Value", "Limit");
    const lines = rows.map((row) => {
      const value = row.value === null ? "" : `${result(row)} ${row.unit}`;
      const verdict = row.soFar ? make("span", {class: "quiet"}, `so far ${row.verdict.replaceAll("_", " ")}`) : badge(row.verdict);
      const cells = [words(row.serial), words(row.case), words(row.title), verdict].map((cell) => make("td", {}, cell));
      const why = row.soFar || !row.reason ? null : make("div", {class: "quiet"}, words(row.reason));
      return make("tr", {}, ...cells, make("td", {class: "number"}, value), make("td", {}, words(row.limit), why));
    });
    byId("criteria").replaceChildren(...(rows.length ? [head, make("tbody", {}, ...lines)] : []));
  }

  drawEvents(events, isNews) {
    const list = byId("events");
    for (const event of events) {
      const level = {info: "", good: "", doubt: "note", bad: "LOOK"}[event.level];
      const about = [event.unit, event.case].filter(Boolean).join(" ");
      const time = make("time", {}, moment(event.t_s));
      const text = make("span", {class: `said ${event.level}`}, words(event.text));
      list.prepend(make("li", {}, time, make("strong", {class: event.level}, level), make("span", {class: "about"}, words(about)), text));
    }
    while (list.children.length > EVENTS_SHOWN) list.lastChild.remove();
    const bad = events.filter((event) => event.level === "bad").at(-1);
    if (isNews && bad) this.announce(`${bad.unit} ${bad.text}`);
  }
}
