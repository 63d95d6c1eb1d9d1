/** What became of the patient, as people chart it: on record, and what the risk model is held to. */

import { may, me, read, send } from "./api.js";
import { takeBack } from "./charting-entries.js";
import { el, setText } from "./dom.js";
import { moment } from "./format.js";
import { toast } from "./frame.js";

const KINDS = {
  cardiac_arrest: "Cardiac arrest",
  intensive_care: "Unplanned transfer to intensive care",
  death: "Death",
  sepsis: "Sepsis",
  rapid_response: "Rapid-response call",
};
const find = (selector) => document.querySelector(selector);

export class Outcomes {
  #entries = [];
  #writable = false;

  constructor({ patientId, clock }) {
    this.base = `/api/v1/patients/${encodeURIComponent(patientId)}/outcomes`;
    this.clock = clock;
    const kinds = Object.entries(KINDS).map(([value, words]) => el("option", { value }, words));
    find("#outcome-kind").append(el("option", { value: "" }, "Choose…"), ...kinds);
    find("#outcome-form").addEventListener("submit", (event) => this.#ask(event));
    me().then((who) => this.#allow(who)).catch(() => {});
  }

  /** Read again what was charted. */
  async load() {
    try {
      this.#entries = await read(this.base);
      find("#outcomes").hidden = false;
      this.#show();
    } catch (error) {
      toast(`Outcomes could not be loaded: ${error.message}`, { error: true });
    }
  }

  #allow(who) {
    this.#writable = may(who, "chart");
    find("#outcome-form").hidden = !this.#writable;
    this.#show();
  }

  /** Ask once before it goes onto the record; sent again it is still one. */
  #ask(event) {
    event.preventDefault();
    find("#outcome-confirm")?.remove();
    const form = event.target;
    const kind = form.elements.kind.value;
    const happened = form.elements.happened_at.value;
    const body = { kind, note: form.elements.note.value.trim() || null, idempotency_key: crypto.randomUUID() };
    if (happened) body.happened_at = new Date(happened).getTime();
    const words = `${KINDS[kind]}, ${happened ? moment(body.happened_at, this.clock.now()).slice(0, -3) : "just now"}`;
    const confirm = el("button", { type: "button", className: "primary" }, `Confirm: ${words}`);
    const cancel = el("button", { type: "button", className: "quiet" }, "Cancel");
    const node = el("div", { id: "outcome-confirm", className: "charting-confirm", role: "group", "aria-label": "Confirm the outcome" }, confirm, cancel);
    confirm.addEventListener("click", () => this.#send(form, body, words, confirm));
    cancel.addEventListener("click", () => node.remove());
    form.append(node);
    node.scrollIntoView({ block: "nearest" });
    confirm.focus();
  }

  async #send(form, body, words, confirm) {
    confirm.disabled = true;
    try {
      const entry = await send(this.base, body);
      find("#outcome-confirm")?.remove();
      form.reset();
      this.#take(entry);
      toast(`Charted: ${words}`);
    } catch (error) {
      confirm.disabled = false;
      toast(`Not charted: ${error.message}`, { error: true });
    }
  }

  async #withdraw(entry, reason) {
    try {
      this.#take(await send(`${this.base}/${entry.outcome_id}/withdraw`, { reason }));
      toast("Taken back: it stays on record and teaches nothing more.");
    } catch (error) {
      toast(`Not taken back: ${error.message}`, { error: true });
    }
  }

  #take(entry) {
    this.#entries = [entry, ...this.#entries.filter((known) => known.outcome_id !== entry.outcome_id)].sort((a, b) => b.happened_at_ms - a.happened_at_ms);
    this.#show();
  }

  #show() {
    const standing = this.#entries.filter((entry) => !entry.withdrawn).length;
    setText(find("#outcomes-count"), standing ? `(${standing})` : "");
    find("#outcome-entries").replaceChildren(...this.#entries.map((entry) => this.#node(entry)));
    find("#outcomes-none").hidden = this.#entries.length > 0;
  }

  #node(entry) {
    const { withdrawn } = entry;
    const nowMs = this.clock.now();
    const node = el(
      "li", { className: withdrawn ? "charting-entry is-withdrawn" : "charting-entry" },
      el("p", { className: "charting-what" }, KINDS[entry.kind]),
      entry.note ? el("p", { className: "charting-note-text" }, entry.note) : null,
      el("p", { className: "charting-by" }, `${moment(entry.happened_at_ms, nowMs).slice(0, -3)}; charted by ${entry.by}`),
    );
    if (withdrawn) node.append(el("p", { className: "charting-taken" }, `Taken back by ${withdrawn.by}, ${moment(withdrawn.at_ms, nowMs).slice(0, -3)}: ${withdrawn.reason}`));
    else if (this.#writable) node.append(takeBack((reason) => this.#withdraw(entry, reason)));
    return node;
  }
}
