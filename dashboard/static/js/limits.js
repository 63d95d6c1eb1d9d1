/** The limits in force for one patient: from what each alert is raised, and what is different from the house's rulebook. */

import { hourMinute, kindName } from "./alert-words.js";
import { Refused, read } from "./api.js";
import { el, setText } from "./dom.js";
import { PRIORITY_NAMES, SIGNS, formatValue } from "./format.js";

const panel = document.querySelector("#limits-panel");

/** Ask for them and show them; where the reader may not see them, the panel stays away. */
export async function showLimits(patientId) {
  try {
    show(await read(`/api/v1/patients/${encodeURIComponent(patientId)}/alert-limits`));
  } catch (error) {
    if (error instanceof Refused) panel.hidden = true;
  }
}

function show(found) {
  panel.hidden = false;
  const changed = found.kinds.filter((one) => one.changes.some((change) => change.state === "in force")).length;
  setText(document.querySelector("#limits-version"), `rulebook ${found.rulebook.slice(0, 8)}${changed ? ` · ${changed} changed` : ""}`);
  document.querySelector("#limits").replaceChildren(...found.kinds.filter((one) => one.bands.length || one.changes.length).map(row));
}

function row(one) {
  const now = one.bands.length ? one.bands : [{ limit: null, delay_s: one.delay_s, priority: one.priority }];
  const changes = one.changes.filter((change) => change.state !== "over");
  return el(
    "tr", { className: changes.length ? "is-changed" : "" },
    el("th", { scope: "row" }, kindName(one.kind)),
    el("td", {}, ...now.map((band) => el("p", { className: "limit-band" }, bandText(one, band))), ...changes.map(changeText)),
  );
}

function bandText(one, band) {
  const beyond = band.limit === null ? "" : `${one.side === "low" ? "below" : "above"} ${formatValue(one.sign, band.limit)} ${SIGNS[one.sign]?.unit ?? ""}`.trim();
  const delay = band.delay_s ? ` for ${band.delay_s < 120 ? `${band.delay_s} s` : `${band.delay_s / 60} min`}` : "";
  return `${beyond}${delay}${band.priority ? ` · ${PRIORITY_NAMES[band.priority]}` : ""}`.trim();
}

function changeText(change) {
  const where = change.patient_id ? "for this patient" : "for the ward";
  const until = change.until_ms ? ` until ${hourMinute(change.until_ms)}` : "";
  const state = change.state === "to come" ? "from " + hourMinute(change.effective_ms) + ", " : "";
  return el("p", { className: "limit-change" }, `${state}changed ${where} by ${change.by}${until}: “${change.reason}”${change.fits ? "" : " (does not fit the rulebook any more)"}`);
}
