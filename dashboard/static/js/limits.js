/** The limits in force for one patient: what raises which alert, and what is different from the house's rules. */

import { Refused, read } from "./api.js";
import { el, setText } from "./dom.js";
import { PRIORITY_NAMES, SIGNS, labelOf } from "./format.js";

const panel = document.querySelector("#limits-panel");

/** Ask for them and show them; where the server has none to tell, the panel stays away. */
export async function showLimits(patientId) {
  try {
    show(await read(`/api/v1/patients/${encodeURIComponent(patientId)}/alert-limits`));
  } catch (error) {
    if (error instanceof Refused && error.status !== 503) panel.hidden = true;
  }
}

function show(found) {
  panel.hidden = false;
  setText(document.querySelector("#limits-version"), found.rules_version ? `rules ${found.rules_version.slice(0, 10)}` : "");
  const rows = found.limits ?? [];
  document.querySelector("#limits").replaceChildren(
    ...rows.map((limit) =>
      el(
        "tr", { className: limit.changed ? "is-changed" : "" },
        el("td", {}, `${labelOf(limit.sign)} ${limit.side}`),
        el("td", { className: "bands" }, ...(limit.bands ?? []).map((band) => el("span", { className: "limit-band" }, `${band.limit} ${SIGNS[limit.sign]?.unit ?? ""}`, el("small", {}, ` ${PRIORITY_NAMES[band.priority] ?? ""}${band.delay_s ? `, ${band.delay_s} s` : ""}`)))),
      ),
    ),
  );
}
