// Elements with text in them. Text is always text: nothing here reads markup.

/** An element: `make("p", {class: "quiet"}, "words", child)`; null children are left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Somebody's words, whose direction stays their own. */
export const words = (text) => make("bdi", {}, String(text ?? ""));

/** The head of a table. */
export const heading = (...titles) => make("thead", {}, make("tr", {}, ...titles.map((title) => make("th", {scope: "col"}, title))));

export const byId = (id) => document.getElementById(id);

/** Only what is other is touched: a screen reader hears nothing twice, and the page is not laid out anew. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

/** "3 h 05 min", "4 min 10 s", "12 s". */
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  const two = (number) => String(number).padStart(2, "0");
  if (days) return `${days} d ${two(hours)} h`;
  if (hours) return `${hours} h ${two(minutes)} min`;
  return minutes ? `${minutes} min ${two(whole % 60)} s` : `${whole} s`;
}

export const left = (seconds) => (seconds >= 0 ? `${span(seconds)} left` : `${span(-seconds)} over the plan`);

/** Run time 0 on the clock of the day, s; null in virtual time, which has no other clock. */
let zero = null;
export function setZero(zeroUtcSeconds) {
  zero = zeroUtcSeconds ?? null;
}

/** A time of the run as people read it: the clock of the day, or the time since the start. */
export function moment(seconds) {
  if (zero === null) return span(seconds);
  const at = new Date((zero + seconds) * 1000);
  const day = at.toDateString() === new Date().toDateString() ? "" : `${at.toLocaleDateString(undefined, {day: "2-digit", month: "short"})} `;
  return day + at.toLocaleTimeString(undefined, {hour12: false});
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];

/** At most `count` times between two, at round places of the clock of the day (of the run, in virtual time). */
export function steps(from, to, count) {
  const step = STEPS.find((each) => (to - from) / each <= count) ?? 2592000;
  const offset = zero === null ? 0 : zero - 60 * new Date((zero + from) * 1000).getTimezoneOffset();
  const found = [];
  for (let at = Math.ceil((from + offset) / step) * step - offset; at <= to; at += step) found.push(at);
  return found;
}

/** Times as they stand below a chart: no seconds where there are none. */
export function labels(times) {
  const step = times.length > 1 ? times[1] - times[0] : 1;
  const short = (text) => (step >= 60 ? text.replace(/:\d\d$/, "").replace(/ 00 s$/, "").replace(/^0 s$/, "0") : text);
  return times.map((time) => short(moment(time)));
}

/** Four digits that count, without an exponent where none is needed. */
export function digits(value, count = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "";
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e6) ? value.toExponential(count - 1) : String(Number(value.toPrecision(count)));
}

/** A value with its uncertainty, as far as that lets it be known: "+3.69 ± 0.14"; deviations in % with their sign. */
export function result({value, expanded_uncertainty: spread, unit}) {
  const sign = unit === "%" && value > 0 ? "+" : "";
  if (!spread) return sign + digits(value);
  const decimals = Math.min(8, Math.max(0, 1 - Math.floor(Math.log10(spread))));
  return `${sign}${value.toFixed(decimals)} ± ${spread.toFixed(decimals)}`;
}

const LEVELS = {PASS: "good", COMPLETED: "good", CONDITIONAL_PASS: "doubt", INCONCLUSIVE: "doubt", SKIPPED: "doubt", ABORTED: "bad"};
export const levelOf = (verdict) => LEVELS[verdict] ?? (verdict ? "bad" : "quiet");
export const badge = (verdict) => make("span", {class: `badge ${levelOf(verdict)}`}, verdict.replaceAll("_", " "));
