/** Versions of the risk model: which scores, how the candidates do before they learn, and who put which in force. */

import { read } from "./api.js";
import { el, setText } from "./dom.js";
import { moment } from "./format.js";

const ASK_MS = 30_000;
const SHOWN = 20;
const STANDINGS = { champion: "scores", challenger: "in the shadow", retired: "retired" };
const find = (selector) => document.querySelector(selector);
let askedAt = -Infinity;

/** Ask again where it is time; a failure leaves what stands, since the page itself says that it is not live. */
export async function refreshModels(nowMs) {
  if (performance.now() - askedAt < ASK_MS) return;
  askedAt = performance.now();
  try {
    show(await read(`/api/v1/models?limit=${SHOWN}`), nowMs);
  } catch {
    askedAt = -Infinity;
  }
}

function show(found, nowMs) {
  find("#models").hidden = false;
  const shipped = found.in_force === 0;
  setText(find("#models-now"), shipped ? "what Wardlight came with scores" : `version ${found.in_force} scores`);
  const waits = found.versions.length ? "" : "No version has been learned yet: it takes charted outcomes, and time.";
  setText(find("#models-none"), waits);
  find("#models-table").replaceChildren(...table(["Version", "Candidate", "Standing", "Made", "Lessons", "Positives", "AUROC", "Brier", "Log-loss", "No model"], found.versions.map((version) => [
    version.number, version.candidate, STANDINGS[version.standing], moment(version.made_at_ms, nowMs).slice(0, -3), whole(version.lessons), whole(version.positives),
    figure(version.auroc), figure(version.brier), figure(version.log_loss), figure(version.base_log_loss),
  ]), found.in_force));
  find("#switches-table").replaceChildren(...table(["Switched", "To version", "By", "Why"], found.switches.map((each) => [moment(each.at_ms, nowMs).slice(0, -3), each.number || "shipped", each.by, each.why])));
}

function table(heads, rows, marked) {
  if (!rows.length) return [];
  const head = el("thead", {}, el("tr", {}, ...heads.map((name) => el("th", { scope: "col" }, name))));
  const lines = rows.map(([first, ...rest]) => el("tr", { className: first === marked ? "is-now" : "" }, el("th", { scope: "row" }, String(first)), ...rest.map((value) => el("td", {}, String(value)))));
  return [head, el("tbody", {}, ...lines)];
}

function figure(value) {
  return value === null ? "–" : value.toFixed(3);
}

function whole(number) {
  return number.toLocaleString("en-GB");
}
