// What was: past runs with their reports, and what rig doctor found last.

import {badge, byId, heading, make, say, span, words} from "./elements.js";

export class Past {
  /** `lookAt(name)`: show a run on the bench view. */
  constructor(lookAt) {
    this.lookAt = lookAt;
    byId("words").addEventListener("input", () => {
      clearTimeout(this.later);
      this.later = setTimeout(() => this.loadRuns(), 200);
    });
  }

  async loadRuns() {
    const runs = await fetched(`/api/runs?words=${encodeURIComponent(byId("words").value)}`);
    say(byId("found"), `${runs.length}${runs.length === 200 ? " newest" : ""} runs found`);
    const head = heading("Begun (UTC)", "Plan", "Bench", "Outcome", "Operator", "Files", "Look at it");
    byId("runs").replaceChildren(...(runs.length ? [head, make("tbody", {}, ...runs.map((run) => this.row(run)))] : []));
  }

  row(run) {
    const look = make("button", {type: "button", "aria-label": `Look at ${run.name}`}, "Look");
    look.addEventListener("click", () => this.lookAt(run.name));
    const kind = run.kind ? make("span", {class: "rehearsal"}, run.kind) : null;
    const outcome = run.outcome ? badge(run.outcome) : make("span", {class: "quiet"}, run.state);
    const links = run.files.map(([inside, label]) => make("a", {href: `/runs/${encodeURIComponent(run.name)}/${inside}`, target: "_blank", rel: "noopener"}, label));
    const plan = make("div", {}, words(`${run.plan} ${run.revision}`), make("div", {class: "quiet"}, words(run.title)));
    const cells = [words(run.started_utc.replace("T", " ").slice(0, 19)), plan, words(run.bench), make("div", {}, outcome, " ", kind), words(run.operator), make("div", {class: "links"}, ...links), look];
    return make("tr", {"data-run": run.name}, ...cells.map((cell) => make("td", {}, cell)));
  }

  async loadDoctor() {
    const found = await fetched("/api/doctor");
    const none = make("p", {class: "quiet"}, "Nothing yet: rig doctor --bench FILE examines a bench, and what it finds stands here.");
    byId("examined").replaceChildren(...(found.length ? found.map(examination) : [none]));
  }
}

function examination(told) {
  const age = span(Date.now() / 1000 - Date.parse(told.at_utc) / 1000);
  const rows = told.examined.map((each) => {
    const [word, level] = {good: ["ok", "good"], doubt: ["doubt", "doubt"], bad: ["BAD", "bad"]}[each.level];
    const findings = each.findings.map((one) => make("div", {class: one.level === "good" ? "" : one.level}, words(one.words)));
    const cells = [make("span", {class: `badge ${level}`}, word), words(`${each.owner} ${each.role}`), words(each.told || each.driver), make("div", {}, ...findings)];
    return make("tr", {}, ...cells.map((cell) => make("td", {}, cell)));
  });
  const head = heading("Verdict", "Instrument", "Says it is", "Found");
  const table = make("div", {class: "scrolls", tabindex: 0, role: "region", "aria-label": `Examination of ${told.bench}`}, make("table", {}, head, make("tbody", {}, ...rows)));
  return make("div", {}, make("h3", {}, words(told.bench), ` ${age} ago`), table);
}

async function fetched(path) {
  const response = await fetch(path);
  return response.ok ? response.json() : [];
}
