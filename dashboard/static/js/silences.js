/** Silences: which alerts are told to nobody, by whose word, until when; ordering one, ending one. */

import { hourMinute, kindName, KIND_NAMES } from "./alert-words.js";
import { quietShape } from "./alerts.js";
import { may, read, remove, send } from "./api.js";
import { el, setText } from "./dom.js";
import { PRIORITY_NAMES, duration } from "./format.js";
import { toast } from "./frame.js";

const MINUTES = { low: [30, 60, 120, 240, 720], medium: [15, 30, 60, 120, 720], high: [5, 10, 15, 30] };
const SETTLED_MS = 6000;
const find = (selector) => document.querySelector(selector);
const form = find("#silence-form");
const dialog = find("#silence-dialog");
/** Chosen on purpose: a silence begins with nobody, not with the whole ward. */
const EVERYBODY = "*";

export class Silences {
  constructor({ who, wards, patients, patientName }) {
    this.who = who;
    this.wards = wards;
    this.patients = patients;
    this.patientName = patientName;
    const mayOrder = who !== null && may(who, "silence");
    find("#new-silence").hidden = !mayOrder;
    find("#new-silence").addEventListener("click", () => this.#ask());
    find("#silences-over").addEventListener("change", () => this.load());
    find("#silence-cancel").addEventListener("click", () => dialog.close());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#order();
    });
    form.addEventListener("change", () => this.#fit());
  }

  async load() {
    try {
      const found = await read(`/api/v1/silences${find("#silences-over").checked ? "?open=false" : ""}`);
      find("#silences").replaceChildren(...found.map((silence) => this.#line(silence)));
      find("#no-silences").hidden = found.length > 0;
    } catch (error) {
      toast(`The silences could not be loaded: ${error.message}`, { error: true });
    }
  }

  #line(silence) {
    const over = silence.state === "over";
    const held = silence.holds_back ? ` · ${silence.holds_back} open ${silence.holds_back === 1 ? "alert" : "alerts"} told to nobody` : "";
    const ending = silence.ended_by ? `ended by ${silence.ended_by} ${hourMinute(silence.ended_at_ms)}` : over ? `over since ${hourMinute(silence.until_ms)}` : `until ${hourMinute(silence.until_ms)} (${duration(silence.until_ms - Date.now())} left)`;
    const line = el(
      "li", { className: `silence ${over ? "is-over" : ""}` },
      quietShape(),
      el("div", {}, el("b", {}, this.#what(silence)), el("p", {}, `${silence.by}: “${silence.reason}” · ${ending}${held}`)),
    );
    if (!over && !silence.ended_by && this.who && (silence.ward_id ? may(this.who, "silence", silence.ward_id) : may(this.who, "silence"))) {
      const end = el("button", { type: "button", "aria-label": `End this silence: ${this.#what(silence)}` }, "End now");
      end.addEventListener("click", () => this.#end(silence, end));
      line.append(end);
    }
    return line;
  }

  #what(silence) {
    const where = silence.patient_id ? this.patientName(silence) : silence.ward_id ? `Ward ${silence.ward_id}` : "The whole house";
    return `${where}: ${silence.kind ? kindName(silence.kind) : "every kind"}, up to ${PRIORITY_NAMES[silence.priority].toLowerCase()} priority`;
  }

  async #end(silence, button) {
    button.disabled = true;
    try {
      await remove(`/api/v1/silences/${encodeURIComponent(silence.silence_id)}`);
      toast("Ended: what it held back is told within seconds.");
      setTimeout(() => this.load(), SETTLED_MS);
    } catch (error) {
      toast(`Not ended: ${error.message}`, { error: true });
    }
    this.load();
  }

  #ask() {
    const mine = this.wards.filter((ward) => may(this.who, "silence", ward));
    const house = this.who.permissions.silence === null;
    form.reset();
    form.elements.ward_id.replaceChildren(...(house ? [el("option", { value: "" }, "Any")] : []), ...mine.map((ward) => el("option", { value: ward }, ward)));
    if (mine.length) form.elements.ward_id.value = mine[0];
    form.elements.kind.replaceChildren(el("option", { value: "" }, "Every kind"), ...Object.entries(KIND_NAMES).map(([value, name]) => el("option", { value }, name)));
    find("#silence-error").hidden = true;
    this.#fit({ anew: true });
    dialog.showModal();
    form.elements.patient_id.focus();
  }

  /** What can be chosen follows from what is: patients of the ward, times of the priority, a second word for high. */
  #fit({ anew = false } = {}) {
    const ward = form.elements.ward_id.value;
    const patient = form.elements.patient_id.value;
    const there = this.patients.filter((one) => !ward || one.ward_id === ward);
    form.elements.patient_id.replaceChildren(el("option", { value: "" }, "Choose…"), ...there.map((one) => el("option", { value: one.patient_id }, `${one.bed ?? "–"} ${one.name}`)), el("option", { value: EVERYBODY }, ward ? `Everybody in ${ward}` : "Everybody"));
    form.elements.patient_id.value = !anew && (patient === EVERYBODY || there.some((one) => one.patient_id === patient)) ? patient : "";
    const priority = form.elements.priority.value;
    const chosen = new FormData(form).get("minutes");
    const minutes = MINUTES[priority];
    const kept = minutes.includes(Number(chosen)) ? Number(chosen) : minutes[1];
    find("#silence-minutes").replaceChildren(...minutes.map((value) => el("label", { className: "chip" }, el("input", { type: "radio", name: "minutes", value: String(value), checked: value === kept }), el("span", {}, value < 120 ? `${value} min` : `${value / 60} h`))));
    find("#silence-confirm").hidden = priority !== "high";
    form.elements.confirmed.required = priority === "high";
  }

  async #order() {
    const given = new FormData(form);
    const patient = given.get("patient_id") === EVERYBODY ? null : given.get("patient_id");
    const body = { minutes: Number(given.get("minutes")), reason: given.get("reason").trim(), priority: given.get("priority"), silence_id: crypto.randomUUID(), confirmed: given.get("confirmed") === "on" };
    if (given.get("kind")) body.kind = given.get("kind");
    if (patient) body.patient_id = patient;
    else if (given.get("ward_id")) body.ward_id = given.get("ward_id");
    try {
      await send("/api/v1/silences", body);
      dialog.close();
      toast("Silenced: it holds within seconds, everywhere at once.");
      setTimeout(() => this.load(), SETTLED_MS);
      this.load();
    } catch (error) {
      find("#silence-error").hidden = false;
      setText(find("#silence-error"), error.message);
    }
  }
}
