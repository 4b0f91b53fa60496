// One WebSocket for everything that is live; it comes back by itself, and says when it has heard nothing for a second.

const STALE_MS = 1000;
const LOOK_MS = 200;
const LONGEST_PAUSE_MS = 2000;
const NO_SESSION = 4401;

/** Why something was not done; `mayBeDone`: it is not known whether it was. */
class Refused extends Error {
  constructor(text, mayBeDone = false) {
    super(text);
    this.mayBeDone = mayBeDone;
  }
}

export class Connection {
  /** `heard(message)` for each message; `stale(seconds)` while nothing comes (0: it comes again); `out()`: logged out. */
  constructor(heard, stale, out) {
    Object.assign(this, {heard, stale, out, asks: new Map(), number: 0, pause: 250, isStale: false});
    this.heardAt = performance.now();
    this.open();
    setInterval(() => this.look(), LOOK_MS);
  }

  open() {
    this.socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
    this.socket.addEventListener("message", (event) => this.take(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => this.closed(event.code));
  }

  take(message) {
    this.heardAt = performance.now();
    this.pause = 250;
    if (this.isStale) this.look();
    const answer = this.asks.get(message.ask);
    if (answer) {
      this.asks.delete(message.ask);
      if (message.type === "refused") answer.reject(new Refused(message.words, message.may_be_done));
      else answer.resolve(message);
    }
    this.heard(message);
  }

  closed(code) {
    for (const {reject} of this.asks.values()) reject(new Refused("the connection to the server was lost", true));
    this.asks.clear();
    if (code === NO_SESSION) {
      this.out();
      return;
    }
    setTimeout(() => this.open(), this.pause);
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
  }

  look() {
    const silent = performance.now() - this.heardAt;
    if (silent > STALE_MS) {
      this.isStale = true;
      this.stale(silent / 1000);
    } else if (this.isStale) {
      this.isStale = false;
      this.stale(0);
    }
  }

  /** Ask for something; its answer, or a Refused. */
  ask(request) {
    return new Promise((resolve, reject) => {
      if (this.socket.readyState !== WebSocket.OPEN) {
        reject(new Refused("there is no connection to the server"));
        return;
      }
      this.number += 1;
      this.asks.set(this.number, {resolve, reject});
      this.socket.send(JSON.stringify({...request, ask: this.number}));
    });
  }
}
