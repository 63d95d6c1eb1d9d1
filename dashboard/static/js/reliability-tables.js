/** Tables of the page Reliability: versions of the model, groups, kinds. A column is [name, cell of a row, class]. */

import { el } from "./dom.js";
import { kindName } from "./alert-words.js";
import { moment } from "./format.js";
import { percent } from "./reliability-charts.js";

const STANDINGS = { champion: "scores", challenger: "in the shadow", superseded: "superseded", retired: "retired" };
const COLUMNS = [
  ["Candidate", (version) => version.candidate],
  ["Standing", (version) => (version.refused ? el("span", {}, `${STANDINGS[version.standing]}, refused by scorers`, el("small", {}, version.refused)) : STANDINGS[version.standing])],
  ["Version", (version) => String(version.number), "number"],
  ["Moments", (version) => whole(version.lessons), "number"],
  ["Deteriorated", (version) => whole(version.positives), "number"],
  ["Ranking", (version) => figure(version.auroc), "number"],
  ["Error", (version) => figure(version.log_loss), "number"],
  ["No model", (version) => figure(version.base_log_loss), "number"],
  ["Brier", (version) => figure(version.brier), "number"],
];

/** The newest version of each candidate, the one that scores first; `deeds` gives the buttons of a version, if any. */
export function candidates(table, found, deeds) {
  const newest = new Map();
  for (const version of found.versions) if (!newest.has(version.candidate)) newest.set(version.candidate, version);
  const rows = [...newest.values()].sort((a, b) => Number(b.standing === "champion") - Number(a.standing === "champion"));
  fill(table, [...COLUMNS, ...deedColumn(deeds)], rows, (version) => (version.number === found.in_force ? "is-now" : ""));
}

function deedColumn(deeds) {
  return deeds ? [["You may", deeds, "model-deeds"]] : [];
}

/** Every version, and every switch from one to another. */
export function versions(table, switches, found, nowMs, deeds) {
  const [candidate, standing, number, ...rest] = COLUMNS;
  const made = ["Made", (version) => minute(version.made_at_ms, nowMs)];
  fill(table, [number, candidate, standing, made, ...rest, ...deedColumn(deeds)], found.versions, (version) => (version.number === found.in_force ? "is-now" : ""));
  fill(switches, [
    ["Switched", (each) => minute(each.at_ms, nowMs)],
    ["To version", (each) => (each.number ? String(each.number) : "shipped"), "number"],
    ["By", (each) => each.by],
    ["Why", (each) => each.why],
  ], found.switches);
}

/** Risk told and what happened. */
export function bins(table, found) {
  fill(table, [
    ["Risk told", (bin) => percent(bin.predicted), "number"],
    ["Deteriorated", (bin) => percent(bin.observed), "number"],
    ["Moments", (bin) => whole(Math.round(bin.lessons)), "number"],
    ["Likely between", (bin) => `${percent(bin.observed_low)} and ${percent(bin.observed_high)}`, "number"],
  ], found);
}

/** Signs that left their usual, day by day, the latest first. */
export function shifts(table, days, nowMs) {
  fill(table, [
    ["24 h until", (day) => minute(day.to_ms, nowMs)],
    ["Signs", (day) => whole(day.shifts), "number"],
    ["Patients", (day) => whole(day.patients), "number"],
  ], [...days].reverse());
}

/** One grouping: its title and its groups; a group of too few patients says so. */
export function grouping(title, groups, patientsMin) {
  const table = el("table");
  const known = (cell) => (group) => (group.patients === null ? "" : cell(group));
  const few = el("span", { className: "withheld" }, `fewer than ${patientsMin} patients: not shown`);
  fill(table, [
    [title, (group) => (group.patients === null ? el("span", {}, group.group, " ", few.cloneNode(true)) : group.group)],
    ["Patients", known((group) => whole(group.patients)), "number"],
    ["Patient-days", known((group) => group.patient_days.toFixed(1)), "number"],
    ["Told", known((group) => whole(group.told)), "number"],
    ["Per patient-day", known((group) => rate(group.per_patient_day)), "number"],
  ], groups);
  return el("div", {}, el("h3", {}, `By ${title.toLowerCase()}`), el("div", { className: "table-holder" }, table));
}

/** Every kind with its rate and what people said. */
export function kinds(table, alerts) {
  const share = (feedback) => (kind) => (feedback in kind.shares ? percent(kind.shares[feedback]) : "–");
  fill(table, [
    ["Kind", (kind) => kindName(kind.kind)],
    ["Told", (kind) => whole(kind.told), "number"],
    ["Per patient-day", (kind) => rate(kind.per_patient_day), "number"],
    ["Patients", (kind) => (kind.patients === null ? `fewer than ${alerts.patients_min}` : whole(kind.patients)), "number"],
    ["Kept quiet", (kind) => whole(kind.quiet), "number"],
    ["Judged", (kind) => whole(kind.judged), "number"],
    ["Useful", share("useful"), "number"],
    ["True, nothing to do", share("not_actionable"), "number"],
    ["Sensor or connection", share("technical"), "number"],
    ["Not true", share("false"), "number"],
  ], alerts.by_kind);
}

/** Alerts per patient-day as people say it; null is of too few patient-days. */
export function rate(value) {
  if (value === null) return "too early";
  return value === 0 || value >= 0.1 ? value.toFixed(1) : value.toFixed(2);
}

/** A count with its thousands apart. */
export function whole(number) {
  return number.toLocaleString("en-GB");
}

/** Drawn anew, a button that had the keyboard's focus has it again. */
function fill(table, columns, rows, classOf = () => "") {
  const focused = table.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  if (!rows.length) return table.replaceChildren();
  const head = columns.map(([name, , kind]) => el("th", { scope: "col", className: kind ?? "" }, name));
  const lines = rows.map((row) => el("tr", { className: classOf(row) }, ...columns.map(([name, cell, kind], index) => (index === 0 ? el("th", { scope: "row", className: kind ?? "", "data-name": kind ? name : undefined }, cell(row)) : el("td", { className: kind ?? "", "data-name": name }, cell(row))))));
  table.replaceChildren(el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...lines));
  if (focused) table.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function minute(ms, nowMs) {
  return moment(ms, nowMs).slice(0, -3);
}

function figure(value) {
  return value === null ? "not known yet" : value.toFixed(3);
}
