/** One small dialog for everything a person does about an alert: take it in hand for a time, say what it was worth, end it. */

import { may, me } from "./api.js";
import { FEEDBACKS, inHands, isOpen, kindName, quietText } from "./alert-words.js";
import { el, setText } from "./dom.js";
import { PRIORITY_NAMES } from "./format.js";

const MINUTES = { high: [5, 15, 30, 60], medium: [15, 30, 60, 120], low: [60, 240, 480] };

export class AlertDialog {
  #episode = null;
  #title = el("h2", { id: "alert-dialog-title" });
  #state = el("p", { className: "said" });
  #minutes = el("div", { className: "chips" });
  #minutesSet = el("fieldset", { className: "chip-set" }, el("legend", {}, "In hand for"), this.#minutes);
  #feedback = el("div", { className: "chips" });
  #note = el("input", { type: "text", name: "note", maxLength: 500, autocomplete: "off", placeholder: "Optional" });
  #take = el("button", { type: "submit", className: "primary" }, "Acknowledge");
  #resolve = el("button", { type: "button" }, "End it");
  #life = el("a", { className: "alert-dialog-life" }, "Its whole life");
  #form = el("form", { className: "alert-dialog-form" });
  #dialog = el("dialog", { className: "alert-dialog", "aria-labelledby": "alert-dialog-title" });

  constructor(acknowledger) {
    this.acknowledger = acknowledger;
    const cancel = el("button", { type: "button", className: "quiet" }, "Cancel");
    this.#form.append(
      this.#title,
      this.#state,
      this.#minutesSet,
      el("fieldset", { className: "chip-set" }, el("legend", {}, "Was it worth it? ", el("small", {}, "optional")), this.#feedback),
      el("label", {}, "Note", this.#note),
      el("div", { className: "dialog-actions" }, this.#life, cancel, this.#resolve, this.#take),
    );
    this.#dialog.append(this.#form);
    document.body.append(this.#dialog);
    cancel.addEventListener("click", () => this.#dialog.close());
    this.#resolve.addEventListener("click", () => this.#end());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#act();
    });
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
  }

  open(episode) {
    this.#episode = episode;
    const open = isOpen(episode);
    setText(this.#title, `${PRIORITY_NAMES[episode.priority]}: ${kindName(episode.kind)}`);
    setText(this.#state, this.#said(episode));
    this.#minutesSet.hidden = !open || episode.latched;
    const usual = [null, "Usual time"];
    this.#minutes.replaceChildren(...[usual, ...MINUTES[episode.priority].map((minutes) => [minutes, minutes < 120 ? `${minutes} min` : `${minutes / 60} h`])].map(([minutes, text], index) => chip("minutes", minutes ?? "", text, index === 0)));
    this.#feedback.replaceChildren(...FEEDBACKS.map(([value, text]) => chip("feedback", value, text, false, { optional: true })));
    this.#note.value = "";
    setText(this.#take, open ? "Acknowledge" : "Put on record");
    this.#resolve.hidden = true;
    this.#life.href = `/alerts?episode=${encodeURIComponent(episode.episode_id)}`;
    me().then((who) => (this.#resolve.hidden = !(open && episode.technical && (may(who, "resolve", episode.ward_id) || (episode.ward_id === "system" && may(who, "resolve")))))).catch(() => {});
    this.#dialog.showModal();
    this.#take.focus();
  }

  #said(episode) {
    const parts = [episode.text];
    if (episode.latched) parts.push("The condition has ended by itself; acknowledging it clears the alert.");
    if (episode.suppression) parts.push(`${quietText(episode.suppression)}.`);
    if (episode.acknowledged) parts.push(`In hand: ${inHands(episode)}.`);
    return parts.join(" · ");
  }

  get #values() {
    const given = new FormData(this.#form);
    const said = { note: given.get("note").trim() || null, feedback: given.get("feedback"), minutes: Number(given.get("minutes")) || null };
    return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null));
  }

  async #act() {
    const { minutes, ...said } = this.#values;
    const episode = this.#episode;
    if (!isOpen(episode) && !said.feedback) return void this.#feedback.querySelector("input").focus();
    this.#dialog.close();
    if (isOpen(episode)) await this.acknowledger.acknowledge(episode, minutes ? { minutes, ...said } : said);
    else await this.acknowledger.label(episode, said);
  }

  async #end() {
    const { note, feedback } = this.#values;
    this.#dialog.close();
    await this.acknowledger.resolve(this.#episode, note ? { note } : {});
    if (feedback) await this.acknowledger.label(this.#episode, { feedback });
  }
}

/** A radio button in the shape of a chip; an optional one can be taken back by choosing it again. */
function chip(name, value, text, checked, { optional = false } = {}) {
  const input = el("input", { type: "radio", name, value: String(value), checked });
  if (optional) {
    let was = false;
    const note = () => (was = input.checked);
    const turn = () => {
      if (was) input.checked = false;
    };
    input.addEventListener("pointerdown", note);
    input.addEventListener("keydown", (event) => {
      if (event.key !== " ") return;
      note();
      setTimeout(turn);
    });
    input.addEventListener("click", turn);
    const label = el("label", { className: "chip" }, input, el("span", {}, text));
    label.addEventListener("pointerdown", note);
    return label;
  }
  return el("label", { className: "chip" }, input, el("span", {}, text));
}
