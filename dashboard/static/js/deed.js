/** One dialog for every change: its fields, in words what will happen, then the change itself or why it was refused. */

import { el, setText } from "./dom.js";
import { toast } from "./frame.js";

const dialog = document.querySelector("#deed");
const form = document.querySelector("#deed-form");
const fields = document.querySelector("#deed-fields");
const outcome = document.querySelector("#deed-outcome");
const refusal = document.querySelector("#deed-error");
const doIt = document.querySelector("#deed-do");
const THINKING_MS = 250;

export class Deed {
  #deed = null;
  #turn = 0;
  #timer = null;

  constructor(onDone) {
    this.onDone = onDone;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#act();
    });
    form.addEventListener("input", () => this.#think());
    document.querySelector("#deed-cancel").addEventListener("click", () => dialog.close());
  }

  /** `deed`: {title, verb, fields: [{name, label, …}], foresee(values) → {ready, said: […]}, act(values) → sentence}. */
  open(deed) {
    this.#deed = deed;
    setText(document.querySelector("#deed-title"), deed.title);
    setText(doIt, deed.verb);
    fields.replaceChildren(...deed.fields.flatMap(drawn));
    refusal.hidden = true;
    outcome.replaceChildren();
    dialog.showModal();
    this.#foresee();
  }

  get #values() {
    return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]));
  }

  #think() {
    clearTimeout(this.#timer);
    doIt.disabled = true;
    refusal.hidden = true;
    this.#timer = setTimeout(() => this.#foresee(), THINKING_MS);
  }

  async #foresee() {
    const turn = ++this.#turn;
    let seen;
    try {
      seen = await this.#deed.foresee(this.#values);
    } catch (error) {
      seen = { ready: false, said: [error.message] };
    }
    if (turn !== this.#turn) return;
    outcome.replaceChildren(...seen.said.map((sentence) => el("li", {}, sentence)));
    outcome.parentElement.classList.toggle("is-unready", !seen.ready);
    doIt.disabled = !seen.ready;
  }

  async #act() {
    if (doIt.disabled) return;
    doIt.disabled = true;
    try {
      const said = await this.#deed.act(this.#values);
      dialog.close();
      toast(said);
    } catch (error) {
      refusal.hidden = false;
      setText(refusal, error instanceof TypeError ? "The server does not answer: nothing is certain. Look again before you repeat it." : error.message);
      doIt.disabled = false;
    }
    this.onDone();
  }
}

function drawn(field) {
  const id = `deed-${field.name}`;
  const common = { id, name: field.name, ...(field.required === false ? {} : { required: true }) };
  let input;
  if (field.options) {
    input = el("select", common, ...field.options.map(([value, text]) => el("option", { value, selected: value === field.value }, text)));
  } else {
    input = el("input", { type: "text", autocomplete: "off", spellcheck: false, maxLength: 120, value: "", ...common, ...field.input, ...(field.value ? { value: field.value } : {}) });
  }
  const parts = [el("label", { for: id }, field.label), input];
  if (field.suggested) {
    input.setAttribute("list", `${id}-list`);
    parts.push(el("datalist", { id: `${id}-list` }, ...field.suggested.map(([value, text]) => el("option", { value }, text))));
  }
  if (field.hint) parts.push(el("p", { className: "registry-hint" }, field.hint));
  return parts;
}
