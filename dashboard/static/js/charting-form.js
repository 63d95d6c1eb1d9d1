/** The form: consciousness and oxygen by buttons, measurements by number, and for when and how long it holds. */

import { el } from "./dom.js";
import { SIGNS, formatValue, labelOf } from "./format.js";

export const ACVPU = [
  { letter: "A", name: "Alert" },
  { letter: "C", name: "Confused (new)", short: "Newly con\u00adfused" },
  { letter: "V", name: "Voice" },
  { letter: "P", name: "Pain" },
  { letter: "U", name: "Unresponsive", short: "Unre\u00adsponsive" },
];
const FLOWS = [0, 1, 2, 4, 6, 10, 15];
const EFFORTS = ["Normal", "Mildly increased", "Moderately", "Severe, or apnoea"];
const MEASURED = [
  ["respiratory_rate_bpm", 2, 120, 1], ["spo2_percent", 50, 100, 1], ["heart_rate_bpm", 20, 300, 1],
  ["systolic_mmhg", 40, 300, 1], ["diastolic_mmhg", 20, 200, 1], ["temperature_celsius", 30, 43, 0.1],
];
const AGO = [[0, "just now"], [5, "5 min ago"], [15, "15 min ago"], [30, "30 min ago"], [60, "1 h ago"], [120, "2 h ago"], [240, "4 h ago"]];
const HOLDS = [["", "the usual time"], [1800, "30 min"], [3600, "1 h"], [7200, "2 h"], [14400, "4 h"], [21600, "6 h"], [43200, "12 h"]];

/** "on air", "on oxygen", "2 L/min". */
export function oxygenWords(signs) {
  const flow = signs.oxygen_flow_l_per_min;
  if (flow > 0) return `oxygen ${flow} L/min`;
  return flow === 0 || signs.supplemental_oxygen === 0 ? "on air" : "on oxygen";
}

/** The signs without a flow that was said before the oxygen it belongs to, or of air. */
export function withoutOldFlow(signs) {
  const { oxygen_flow_l_per_min: flow, ...others } = signs;
  const oxygen = signs.supplemental_oxygen;
  const holds = flow && flow.value > 0 && (!oxygen || flow.measured_at_ms >= oxygen.measured_at_ms);
  return holds ? signs : others;
}

/** A form node; `submit` is given {body, words} of a valid entry. */
export function chartingForm({ submit }) {
  const aware = choice("Consciousness", ACVPU.map(({ letter, name, short }, value) => ({ value, label: letter, detail: name, short: short ?? name })));
  const flow = choice("Oxygen, L/min", FLOWS.map((value) => ({ value, label: value === 0 ? "Air" : String(value) })));
  const otherFlow = numberField("oxygen_flow_l_per_min", "Other flow", 0, 70, 0.5);
  flow.onChange(() => (otherFlow.input.value = ""));
  otherFlow.input.addEventListener("input", () => otherFlow.input.value !== "" && flow.clear());
  const pain = choice("Pain, 0 to 10", Array.from({ length: 11 }, (_, value) => ({ value, label: String(value) })));
  const measured = MEASURED.map(([name, low, high, step]) => numberField(name, labelOf(name), low, high, step));
  const refill = numberField("capillary_refill_s", labelOf("capillary_refill_s"), 0, 20, 0.5);
  const effort = choice("Effort of breathing", EFFORTS.map((label, value) => ({ value, label })));
  const note = el("textarea", { name: "note", rows: 2, maxLength: 2000 });
  const ago = select("observed", AGO);
  const holds = select("holds", HOLDS);
  const said = el("p", { className: "charting-said", role: "alert" });
  const node = el(
    "form", { className: "charting-form", noValidate: false },
    aware.node, flow.node, otherFlow.node,
    el("div", { className: "charting-numbers" }, ...measured.map((field) => field.node)),
    pain.node,
    refill.node, effort.node,
    el("label", { className: "charting-note" }, "Note", note),
    el("div", { className: "charting-times" }, el("label", {}, "Observed", ago), el("label", {}, "Holds for", holds)),
    said,
    el("button", { type: "submit", className: "charting-go" }, "Chart…"),
  );
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    const signs = {};
    if (aware.value !== null) signs.consciousness_acvpu = aware.value;
    if (flow.value !== null) signs.oxygen_flow_l_per_min = flow.value;
    for (const field of [otherFlow, refill, ...measured]) if (field.input.value !== "") signs[field.name] = Number(field.input.value);
    if (pain.value !== null) signs.pain_score = pain.value;
    if (effort.value !== null) signs.respiratory_effort_score = effort.value;
    const text = note.value.trim();
    said.textContent = Object.keys(signs).length || text ? "" : "Nothing is filled in yet.";
    if (said.textContent) return;
    const body = { signs, ...(text ? { note: text } : {}) };
    if (Number(ago.value) > 0) body.observed_at = Date.now() + clockOffsetMs() - Number(ago.value) * 60_000;
    if (holds.value !== "") body.valid_for_s = Number(holds.value);
    submit({ body, words: wordsOf(signs, text) });
  });
  const clear = () => {
    node.reset();
    for (const each of [aware, flow, pain, effort]) each.clear();
    said.textContent = "";
  };
  return { node, clear };
}

let clockOffsetMs = () => 0;

/** The server's clock, which may run ahead of, or faster than, this machine's. */
export function useClock(clock) {
  clockOffsetMs = () => Math.round(clock.now() - Date.now());
}

function wordsOf(signs, text) {
  const words = [];
  if (signs.consciousness_acvpu !== undefined) words.push(ACVPU[signs.consciousness_acvpu].name);
  if (signs.oxygen_flow_l_per_min !== undefined) words.push(oxygenWords(signs));
  for (const [name, value] of Object.entries(signs)) {
    if (name === "consciousness_acvpu" || name === "oxygen_flow_l_per_min") continue;
    words.push(`${SIGNS[name].short} ${formatValue(name, value)}`);
  }
  if (text) words.push("note");
  return words.join(" · ");
}

/** Buttons of which at most one is pressed; pressing it again lets go. */
function choice(legend, options) {
  let value = null;
  let changed = () => {};
  const buttons = options.map((option) =>
    el("button", { type: "button", "aria-pressed": "false", ...(option.detail ? { "aria-label": `${option.label}, ${option.detail}` } : {}) }, el("b", {}, option.label), option.detail ? el("small", {}, option.short) : null));
  const show = () => buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(options[index].value === value)));
  const clear = () => {
    value = null;
    show();
  };
  buttons.forEach((button, index) =>
    button.addEventListener("click", () => {
      value = value === options[index].value ? null : options[index].value;
      show();
      changed();
    }));
  const node = el("fieldset", { className: "charting-choice" }, el("legend", {}, legend), el("div", { className: "charting-options" }, ...buttons));
  return { node, clear, onChange: (listener) => (changed = listener), get value() { return value; } };
}

function numberField(name, label, low, high, step) {
  const input = el("input", { type: "number", name, inputMode: step < 1 ? "decimal" : "numeric", min: String(low), max: String(high), step: String(step), autocomplete: "off" });
  return { name, input, node: el("label", { className: "charting-number" }, label, el("span", {}, input, el("small", {}, SIGNS[name].unit))) };
}

function select(name, options) {
  return el("select", { name }, ...options.map(([value, label]) => el("option", { value: String(value) }, label)));
}
