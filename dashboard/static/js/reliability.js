/** How far what Wardlight says can be relied on: in words first, then in figures; asked again every minute. */

import { me, read } from "./api.js";
import { Deed } from "./deed.js";
import { el, setText } from "./dom.js";
import { duration, moment } from "./format.js";
import { mayChooseModels, promote, promoteShipped, restore, retire } from "./model-deeds.js";
import { calibrationChart, percent, shiftChart } from "./reliability-charts.js";
import { bins, candidates, grouping, kinds, rate, shifts, versions, whole } from "./reliability-tables.js";

const ASK_MS = 60_000;
const VERSIONS = 40;
const find = (selector) => document.querySelector(selector);
const total = (values) => values.reduce((sum, value) => sum + value, 0);
const deed = new Deed(async () => {
  await load();
  // The button that opened the dialog may be gone.
  if (document.activeElement === document.body) find("#model").focus();
});
let known = null;

async function load() {
  try {
    const [found, models, who] = await Promise.all([read("/api/v1/reliability"), read(`/api/v1/models?limit=${VERSIONS}`), me()]);
    known = models;
    showModel(found.model, models, found.now_ms, mayChooseModels(who));
    showCalibration(found.model);
    showDrift(found, models);
    showAlerts(found.alerts, found.now_ms);
  } catch (error) {
    verdict("Not known now", error.message ?? "The server does not answer.", true);
  }
}

function showModel(model, models, nowMs, mayChoose) {
  find("#model-none").hidden = models.versions.length > 0;
  find("#versions").hidden = models.versions.length === 0;
  candidates(find("#candidates"), models, mayChoose ? deedsOf("candidates", models) : null);
  versions(find("#versions-table"), find("#switches-table"), models, nowMs, mayChoose ? deedsOf("versions", models) : null);
  find("#shipped").hidden = !mayChoose || models.in_force === 0;
  if (model.number === 0) return verdict("What Wardlight came with scores", "No version learned here is in force. What Wardlight came with was learned in intensive care elsewhere: its risk stands on adults’ pages, called what it is, and raises no alert. Rules, NEWS2 and each patient's own usual do the work.", false);
  const learned = `Learned by “${model.candidate}” from ${whole(model.lessons)} moments whose outcome is known, ${whole(model.positives)} of them before a deterioration; made ${moment(model.made_at_ms, nowMs).slice(0, -3)}.`;
  const scoring = models.versions.find((version) => version.number === model.number);
  if (scoring?.refused) return verdict(`Version ${model.number} is chosen, and does not score`, `${scoring.refused} They go on with what they had before, or with what Wardlight came with, until another is put in force or made.`, true);
  verdict(`Version ${model.number} scores`, `It tells the risk of a deterioration within ${duration(model.horizon_s * 1000)}. ${learned}`, false);
}

/** The buttons of a version in a table of this name; none of the one that scores. */
function deedsOf(table, models) {
  return (version) => el("span", { className: "model-buttons" },
    ...[
      version.number !== models.in_force && version.standing !== "retired" && !version.refused && ["Put in force", promote],
      version.standing === "challenger" && ["Retire", retire],
      version.standing === "retired" && ["Restore", restore],
    ].filter(Boolean).map(([name, make]) =>
      el("button", { type: "button", "data-key": `${table}/${version.number}/${name}`, "aria-label": `${name}: version ${version.number}`, onclick: () => deed.open(make(version, known)) }, name),
    ));
}

function showCalibration(model) {
  const known = model.bins.length > 0;
  find("#calibration-shown").hidden = !known;
  if (!known) {
    const soFar = model.number === 0 ? "" : ` So far: ${whole(model.lessons)} and ${whole(model.positives)}.`;
    return setText(find("#calibration-said"), `Not known yet: it takes ${whole(model.lessons_min)} moments whose outcome is known, ${whole(model.positives_min)} of them before a deterioration.${soFar}`);
  }
  const worth = total(model.bins.map((bin) => bin.lessons));
  const told = total(model.bins.map((bin) => bin.lessons * bin.predicted)) / worth;
  const came = total(model.bins.map((bin) => bin.lessons * bin.observed)) / worth;
  const top = model.bins.at(-1);
  setText(find("#calibration-said"), `Over all moments it told a risk of ${percent(told)}, and ${percent(came)} deteriorated. Where it told most, ${percent(top.predicted)}, ${percent(top.observed)} did.`);
  find("#calibration-chart").replaceChildren(calibrationChart(model.bins));
  bins(find("#calibration-table"), model.bins);
}

function showDrift(found, models) {
  const line = models.versions.filter((version) => version.candidate === found.model.candidate && version.auroc !== null && version.number <= found.model.number).slice(0, 5).reverse();
  const ranks = line.map((version) => version.auroc.toFixed(3)).join(", then ");
  setText(find("#drift-model"), line.length > 1 ? `Ranking of the candidate that scores, over its last ${line.length} versions: ${ranks}. A lasting fall says that the model no longer fits the patients.` : "Whether the model still fits the patients is not known yet: that takes two versions with known outcomes.");
  const days = found.shifts;
  const count = total(days.map((day) => day.shifts));
  setText(find("#drift-said"), `In the last ${days.length} days ${whole(count)} ${count === 1 ? "sign" : "signs"} left what is usual for the patient and stayed away long enough to be told.`);
  find("#drift-chart").replaceChildren(...(count ? [shiftChart(days)] : []));
  shifts(find("#drift-table"), days, found.now_ms);
}

function showAlerts(alerts) {
  for (const node of document.querySelectorAll(".patients-min")) setText(node, String(alerts.patients_min));
  for (const node of document.querySelectorAll(".judgements-min")) setText(node, String(alerts.judgements_min));
  setText(find("#alerts-whose"), whose(alerts));
  const known = alerts.total.patients !== null;
  find("#sums").replaceChildren(...(known ? sums(alerts.total) : []));
  const groupings = known ? [["Age", alerts.by_age], ["Sex", alerts.by_sex], ["Ward", alerts.by_ward]] : [];
  find("#groups").replaceChildren(...groupings.map(([title, groups]) => grouping(title, groups, alerts.patients_min)));
  kinds(find("#kinds"), alerts);
  find("#worth").hidden = alerts.by_kind.length === 0;
}

function whose(alerts) {
  const wards = alerts.wards === null ? "Every ward." : `Of your wards only: ${alerts.wards.join(", ")}.`;
  const few = alerts.total.patients === null ? `Fewer than ${alerts.patients_min} patients were under observation: no figures.` : null;
  const simulated = alerts.simulated ? `${whole(alerts.simulated)} of the alerts told are of simulated or replayed patients.` : null;
  const unplaced = alerts.unplaced ? `${whole(alerts.unplaced)} more were told of patients of whom no device delivered there in these days; they are in no figure.` : null;
  const part = alerts.whole ? null : "More was kept quiet than can be looked through: the oldest of that is missing.";
  return [wards, few, simulated, unplaced, part].filter(Boolean).join(" ");
}

function sums(all) {
  const sum = (name, value, note) => el("div", { className: "sum" }, el("dt", {}, name), el("dd", {}, value, note ? el("small", {}, note) : null));
  const days = `${all.patient_days.toFixed(1)} patient-days`;
  return [
    sum("Patients", whole(all.patients), `${days} observed`),
    sum("Alerts told", whole(all.told)),
    all.per_patient_day === null ? sum("Per patient-day", "–", `too early to tell a rate: ${days} observed`) : sum("Per patient-day", rate(all.per_patient_day)),
    sum("Kept quiet", whole(all.quiet), "silenced, or said by another alert"),
  ];
}

function verdict(title, text, broken) {
  const node = find("#verdict");
  node.classList.toggle("is-broken", broken);
  setText(node.querySelector("h2"), title);
  setText(node.querySelector("p"), text);
}

find("#shipped-button").addEventListener("click", () => deed.open(promoteShipped(known)));
load();
setInterval(() => document.visibilityState === "visible" && load(), ASK_MS);
