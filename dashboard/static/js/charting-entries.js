/** One charted entry in the list: who, when, what; taken back where it was an error. */

import { el } from "./dom.js";
import { SIGNS, formatValue, labelOf, moment } from "./format.js";
import { oxygenWords } from "./charting-form.js";

const OXYGEN = ["supplemental_oxygen", "oxygen_flow_l_per_min"];

/** A list item; `withdraw` is called with the reason, or is null where this person may not. */
export function entryNode(entry, nowMs, withdraw) {
  const { withdrawn } = entry;
  const node = el(
    "li", { className: withdrawn ? "charting-entry is-withdrawn" : "charting-entry" },
    el("p", { className: "charting-what" }, whatOf(entry)),
    entry.note ? el("p", { className: "charting-note-text" }, entry.note) : null,
    el("p", { className: "charting-by" }, `${moment(entry.observed_at_ms, nowMs).slice(0, -3)} by ${entry.by}${lateness(entry, nowMs)}`),
  );
  if (withdrawn) node.append(el("p", { className: "charting-taken" }, `Taken back by ${withdrawn.by}, ${moment(withdrawn.at_ms, nowMs).slice(0, -3)}: ${withdrawn.reason}`));
  else if (withdraw) node.append(takeBack(withdraw));
  return node;
}

function whatOf(entry) {
  const words = [];
  if (entry.signs.consciousness_acvpu !== undefined) words.push(formatValue("consciousness_acvpu", entry.signs.consciousness_acvpu));
  if (OXYGEN.some((name) => entry.signs[name] !== undefined)) words.push(oxygenWords(entry.signs));
  for (const [name, value] of Object.entries(entry.signs)) {
    if (name === "consciousness_acvpu" || OXYGEN.includes(name)) continue;
    const { unit } = SIGNS[name];
    words.push(`${labelOf(name)} ${formatValue(name, value)}${unit ? ` ${unit}` : ""}`);
  }
  if (entry.spo2_scale !== null) words.push(`SpO₂ scale ${entry.spo2_scale}${entry.spo2_scale_by ? `, prescribed by ${entry.spo2_scale_by}` : ""}`);
  return words.join(" · ") || "Note";
}

function lateness(entry, nowMs) {
  return entry.charted_at_ms - entry.observed_at_ms < 60_000 ? "" : `, charted ${moment(entry.charted_at_ms, nowMs).slice(0, -3)}`;
}

/** The way to take an entry back; `withdraw` is called with the reason. */
export function takeBack(withdraw) {
  const reason = el("input", { name: "reason", maxLength: 500, required: true, placeholder: "Why, e.g. wrong patient", "aria-label": "Why it is taken back" });
  const form = el("form", { className: "charting-take-back" }, reason, el("button", { type: "submit" }, "Take back"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (reason.value.trim()) withdraw(reason.value.trim());
  });
  return el("details", { className: "charting-error" }, el("summary", {}, "Entered in error"), form);
}
