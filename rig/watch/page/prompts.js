// What a person does: answers a question, or aborts the run. Each with a name, which goes into the record.

import {byId, make, say, show, words} from "./elements.js";

const SLOW_MS = 2000;
const BY_HAND = "Try again, press Ctrl-C at the run, or stop the pumps by hand.";
const REMEMBERED = "rig-watch-name";

/** Whose name is put forward: who is logged in, who answered here last, the login name of the machine. */
export class Person {
  take(hello) {
    this.user = hello.user;
    this.proposed = hello.name;
  }

  fill(input) {
    input.value = this.user ?? localStorage.getItem(REMEMBERED) ?? this.proposed ?? "";
    input.readOnly = Boolean(this.user);
  }

  remember(name) {
    if (!this.user) localStorage.setItem(REMEMBERED, name);
  }
}

export class Prompts {
  constructor(connection, person, announce) {
    Object.assign(this, {connection, person, announce, cards: new Map()});
  }

  take(open) {
    const ids = new Set(open.map((prompt) => prompt.id));
    for (const [id, card] of this.cards) {
      if (!ids.has(id)) {
        card.remove();
        this.cards.delete(id);
      }
    }
    for (const prompt of open) {
      if (!this.cards.has(prompt.id)) {
        const card = this.card(prompt);
        this.cards.set(prompt.id, card);
        byId("asked").append(card);
        this.announce(`The operator is asked: ${prompt.question}`);
      }
    }
    show(byId("prompts"), open.length > 0 || byId("prompt-words").textContent !== "");
  }

  card(prompt) {
    const answer = make("input", {maxlength: 200, autocomplete: "off", required: true});
    const by = make("input", {maxlength: 60, autocomplete: "name", required: true});
    this.person.fill(by);
    const send = make("button", {type: "submit"}, "Send the answer");
    const form = make("form", {}, make("label", {}, "Answer", answer), make("label", {}, "Your name", by), send);
    const quick = (text, value) => {
      const button = make("button", {type: "button"}, text);
      button.addEventListener("click", () => {
        answer.value = value;
        form.requestSubmit();
      });
      return button;
    };
    if (prompt.question.includes("answer done")) form.append(quick("Done", "done"), quick("Cannot be done", "no"));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      send.disabled = true;
      try {
        await this.connection.ask({do: "answer", prompt: prompt.id, by: by.value, answer: answer.value});
        this.person.remember(by.value);
        this.tell(`Sent: ${answer.value} (${by.value})`);
      } catch (error) {
        send.disabled = false;
        this.tell(`${error.mayBeDone ? "Not known whether it was taken" : "Not taken"}: ${error.message}`);
      }
    });
    return make("div", {class: "prompt", "data-prompt": prompt.id}, make("p", {}, words(prompt.question)), form);
  }

  tell(text) {
    say(byId("prompt-words"), text);
    show(byId("prompts"), true);
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      say(byId("prompt-words"), "");
      show(byId("prompts"), this.cards.size > 0);
    }, 8000);
  }
}

/** The button, its dialog, and what became of it: said in the dialog while it is open, and always on the page. */
export class Abort {
  constructor(connection, person) {
    Object.assign(this, {connection, person, run: null, about: null, isHeard: false, dialog: byId("abort-dialog")});
    byId("abort").addEventListener("click", () => this.open());
    byId("abort-cancel").addEventListener("click", () => this.dialog.close());
    byId("abort-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  /** The run that is looked at; only one that goes on can be aborted. */
  take(run) {
    this.run = run;
    const goesOn = run.state === "running";
    byId("abort").disabled = !goesOn;
    if (goesOn || this.about?.name !== run.name) return;
    if (this.dialog.open) this.dialog.close();
    this.tell("");
  }

  /** About the run that is looked at now, whichever is looked at when it is confirmed. */
  open() {
    [this.about, this.isHeard] = [this.run, false];
    this.person.fill(byId("abort-by"));
    byId("abort-reason").value = "";
    this.tell("");
    byId("abort-sure").disabled = false;
    const what = "Every pump goes to its safe state, then the run is closed as ABORTED. It cannot be taken up again.";
    byId("abort-what").replaceChildren("Run of ", words(this.about.plan), " on bench ", words(this.about.bench), `. ${what}`);
    this.dialog.showModal();
    byId("abort-reason").focus();
  }

  async send() {
    const {about} = this;
    const by = byId("abort-by").value;
    const failed = (text) => {
      if (this.isHeard) return; // another try was
      this.tell(`${text}. ${BY_HAND}`, true);
      byId("abort-sure").disabled = false;
    };
    byId("abort-sure").disabled = true;
    this.tell("");
    const slow = setTimeout(() => failed(`NO ANSWER YET: it is not known whether the guard of bench ${about.bench} hears this`), SLOW_MS);
    try {
      const told = await this.connection.ask({do: "abort", run: about.name, by, reason: byId("abort-reason").value});
      this.isHeard = true;
      this.person.remember(by);
      this.tell(`ABORT at ${new Date().toLocaleTimeString(undefined, {hour12: false})}: ${told.words}. The pumps go to their safe state, then the run is closed.`);
      if (this.about === about) this.dialog.close();
    } catch (error) {
      failed(`${error.mayBeDone ? "NOT KNOWN whether it was heard" : "NOT ABORTED"}: ${error.message}`);
    } finally {
      clearTimeout(slow);
    }
  }

  tell(text, isBad = false) {
    for (const place of [byId("abort-words"), byId("abort-told")]) {
      say(place, text);
      place.classList.toggle("trouble", isBad);
    }
    show(byId("abort-told"), text !== "");
  }
}
