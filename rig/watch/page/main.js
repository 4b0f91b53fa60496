// The page as a whole: what comes over the connection goes to its parts, and once a second the parts breathe.

import {Bench} from "./bench.js";
import {Connection} from "./connection.js";
import {Curves} from "./curves.js";
import {byId, make, say, show} from "./elements.js";
import {Past} from "./past.js";
import {Abort, Person, Prompts} from "./prompts.js";

const NEWEST = "";
let chosen = new URLSearchParams(location.search).get("run") ?? NEWEST;
let newest = null;
let shown = null;

const announce = (text) => say(byId("announced"), text);
const person = new Person();
const connection = new Connection(heard, stale, out);
const bench = new Bench(announce, (serial) => curves.filter(serial));
const curves = new Curves(connection, bench);
const prompts = new Prompts(connection, person, announce);
const abort = new Abort(connection, person);
const past = new Past((name) => {
  location.hash = "bench";
  choose(name);
});

function heard(message) {
  if (message.type === "hello") {
    person.take(message);
    show(byId("logout"), message.user !== null);
    watch();
  } else if (message.type === "prompts") {
    prompts.take(message.open);
  } else if (message.type === "runs") {
    list(message);
  } else if (message.type === "run") {
    shown = message.run.name;
    bench.whole(message);
    curves.whole(message);
    abort.take(message.run);
    breathe();
  } else if (message.type === "tick" && message.name === shown) {
    bench.tick(message);
    curves.tick(message);
    if (message.run) abort.take(message.run);
  }
}

/** Ask for the run that was chosen; the newest if none was. */
function watch() {
  connection.ask({do: "watch", run: chosen || null}).catch((error) => {
    say(byId("trouble"), `${error.message}; waiting for one`);
    show(byId("trouble"), true);
  });
}

function choose(name) {
  chosen = name;
  const place = new URL(location.href);
  if (name) place.searchParams.set("run", name);
  else place.searchParams.delete("run");
  history.replaceState(null, "", place);
  fill();
  watch();
}

let open = [];
function list(message) {
  open = message.open;
  const other = message.latest !== newest;
  newest = message.latest;
  fill();
  if (other && chosen === NEWEST && newest !== shown && connection.socket.readyState === WebSocket.OPEN) watch();
}

function fill() {
  const options = [make("option", {value: NEWEST}, "newest")];
  for (const run of open) options.push(make("option", {value: run.name}, `${run.bench}: ${run.plan} (${run.state})`));
  if (chosen && !open.some((run) => run.name === chosen)) options.push(make("option", {value: chosen}, chosen));
  byId("choice").replaceChildren(...options);
  byId("choice").value = chosen;
}

function stale(seconds) {
  const isStale = seconds > 0;
  document.body.classList.toggle("is-stale", isStale);
  if (isStale) say(byId("stale"), `NO LIVE DATA${seconds >= 2 ? ` for ${Math.floor(seconds)} s` : ""}: what stands here is old. The run goes on without this page.`);
  show(byId("stale"), isStale);
}

function out() {
  say(byId("stale"), "This session is over. Log in again, or open the address that rig watch printed.");
  show(byId("stale"), true);
  location.assign("/");
}

function breathe() {
  bench.breathe();
  curves.breathe();
}

function route() {
  const view = ["runs", "doctor"].find((name) => location.hash === `#${name}`) ?? "bench";
  for (const name of ["bench", "runs", "doctor"]) show(byId(`view-${name}`), name === view);
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view === "runs") past.loadRuns();
  if (view === "doctor") past.loadDoctor();
}

byId("choice").addEventListener("change", (event) => choose(event.target.value));
addEventListener("hashchange", route);
setInterval(breathe, 1000);
route();
