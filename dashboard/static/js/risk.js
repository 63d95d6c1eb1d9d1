/** The learned risk in words first, then part by part, so that everybody sees that the parts add up. Never an alarm. */

import { read } from "./api.js";
import { el, setText } from "./dom.js";
import { duration, labelOf } from "./format.js";

/** By part: as the sentence names it, and as the list does. */
const SUBJECTS = {
  heart_rate_bpm: ["heart rate"],
  respiratory_rate_bpm: ["breathing", "Breathing"],
  spo2_percent: ["oxygen saturation"],
  temperature_celsius: ["temperature"],
  systolic_mmhg: ["blood pressure"],
  mean_pressure_mmhg: ["blood pressure"],
  age_years: ["age", "Age"],
  is_male: ["sex", "Sex"],
  shock_index: ["heart rate against blood pressure", "Heart rate against blood pressure"],
  breaths_per_saturation: ["breathing against saturation", "Breathing against saturation"],
  news2_points: ["NEWS2", "NEWS2 points"],
  signs_measured: ["how often signs are measured", "How often signs are measured"],
};
const NAMED = 2;
const UNMEASURED = " not being measured";
const ASK_MS = 600_000;
/** Below so many moments before a deterioration a version is called young; our choice. */
const POSITIVES_FEW = 50;
/** NEWS2 from which on somebody is to come urgently (Royal College of Physicians, 2017). */
const URGENT_FROM = 5;
const find = (selector) => document.querySelector(selector);
let drawn = null;
/** The version in force, as far as it is known here: what it has learned from. */
let version = null;
let askedAt = -Infinity;

/** Show or hide the panel: nothing for children, nothing where no model tells a risk, nothing that is old. */
export function showRisk(tile, nowMs) {
  const assessed = tile.assessment;
  const risk = assessed?.news2 && !assessed.pews ? assessed.risk : null;
  const shown = Boolean(risk) && nowMs - assessed.seen_at_ms <= assessed.stale_after_ms;
  find("#risk-panel").hidden = !shown;
  if (!shown) return;
  if (isLearnedHere(risk)) askVersion();
  const asked = whoAsks(tile);
  const key = JSON.stringify([risk, version, asked]);
  if (key === drawn) return;
  drawn = key;
  setText(find("#risk-origin"), isLearnedHere(risk) ? "learned here" : "not learned here");
  setText(find("#risk-said"), asked === null ? riskSentence(risk) : `${asked}: go by that, whatever this figure says.`);
  setText(find("#risk-source"), `${asked === null ? "" : `It is of hours, not of the last minutes. ${riskSentence(risk)} `}${sourceSentence(risk, version)}`);
  const known = risk.parts !== null;
  find("#risk-parts").hidden = !known;
  if (known) find("#risk-rows").replaceChildren(...rowsOf(risk));
}

/** What asks for somebody already: beside it a low risk must not stand as if all were well. */
function whoAsks(tile) {
  if (tile.alerts.some((alert) => alert.priority !== "low" && !alert.technical)) return "An alert stands";
  const { low, total } = tile.assessment.news2;
  return (low ?? 0) >= URGENT_FROM ? `NEWS2 is ${total ?? `${low} or more`}` : null;
}

/** Asked once, and again now and then; the next showing tells of it. Who may not ask, or asks in vain, is told that it is not known. */
async function askVersion() {
  if (performance.now() - askedAt < ASK_MS) return;
  askedAt = performance.now();
  try {
    version = (await read("/api/v1/models?limit=1")).chosen;
  } catch {
    version = null;
  }
}

/** Versions learned here say within which time; what Wardlight came with does not. */
function isLearnedHere(risk) {
  return risk.horizon_s !== null;
}

/** "Risk of getting worse within 12 h: 6 in 100, most by breathing and blood pressure." */
export function riskSentence(risk) {
  const about = isLearnedHere(risk) ? `Risk of getting worse within ${duration(risk.horizon_s * 1000)}` : "Risk of sepsis within 6 h, as another hospital’s intensive care would put it";
  return `${about}: ${inHundred(risk.probability)}${broughtBy(risk)}.`;
}

function broughtBy(risk) {
  if (risk.parts === null) return "";
  if (risk.log_odds <= risk.usual) return ", no more than at an average moment";
  const raising = Object.entries(risk.parts).filter(([, logOdds]) => logOdds > 0).map(([subject]) => (risk.unmeasured.includes(subject) ? `${rowName(subject).toLowerCase()}${UNMEASURED}` : SUBJECTS[subject]?.[0] ?? labelOf(subject).toLowerCase()));
  const named = [...new Set(raising)].slice(0, NAMED);
  const joint = named[0]?.endsWith(UNMEASURED) ? ", and by " : " and ";
  return named.length ? `, most by ${named.join(joint)}` : ", by many small things";
}

/** What it was learned from, so that nobody takes a young version for a ripe one, and whether it alerts. */
export function sourceSentence(risk, from) {
  if (!isLearnedHere(risk)) return "No version learned here is in force. This came with Wardlight, from another hospital’s intensive care, and tells of sepsis within 6 h there, not of getting worse here: it may tell who to look at first, but its number is no forecast for this ward, and it raises no alert.";
  const told = risk.threshold === null ? "It raises no alert yet." : `Where it stays at ${percent(risk.threshold)} or above, an alert tells of it.`;
  return `Learned here, ${learnedFrom(from)} ${told}`;
}

/** Scorers that refuse the version in force go on with another, of which nothing is known here. */
function learnedFrom(from) {
  if (!from || from.refused) return "from what became of patients before; from how many is not known on this page.";
  const few = from.positives < POSITIVES_FEW ? " That is few so far: read it with care." : "";
  return `from ${counted(from.lessons, "moment")} of patients before, ${from.positives === 0 ? "none" : from.positives.toLocaleString("en-GB")} of them before a deterioration.${few}`;
}

function counted(number, noun) {
  return `${number.toLocaleString("en-GB")} ${noun}${number === 1 ? "" : "s"}`;
}

/** A probability as people count: "6 in 100". */
export function inHundred(probability) {
  if (probability < 0.01) return "fewer than 1 in 100";
  return probability > 0.99 ? "more than 99 in 100" : `${Math.round(probability * 100)} in 100`;
}

function percent(share) {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function rowName(subject) {
  return SUBJECTS[subject]?.[1] ?? labelOf(subject);
}

/** From the average moment, each part from where the one before ended, to this patient now. */
function rowsOf(risk) {
  const steps = [...Object.entries(risk.parts).map(([subject, logOdds]) => [`${rowName(subject)}${risk.unmeasured.includes(subject) ? ", not measured lately" : ""}`, logOdds]), ["All the rest", risk.others]];
  const ends = [risk.usual];
  for (const [, logOdds] of steps) ends.push(ends.at(-1) + logOdds);
  const least = Math.min(...ends);
  const span = Math.max(...ends) - least || 1;
  const place = (value) => ((value - least) / span) * 100;
  const first = stateRow("Average moment", risk.usual, place(risk.usual));
  const last = stateRow("This patient now", ends.at(-1), place(ends.at(-1)));
  return [first, ...steps.map(([name], index) => stepRow(name, ends[index], ends[index + 1], place)), last];
}

function stateRow(name, logOdds, at) {
  const mark = el("span", { className: "risk-mark" });
  mark.style.left = `${at}%`;
  const chance = inHundred(1 / (1 + Math.exp(-logOdds)));
  return row("risk-state", [name, el("small", {}, chance)], mark, signed(hundredths(logOdds), false));
}

function stepRow(name, from, to, place) {
  const bar = el("span", { className: `risk-bar ${to < from ? "is-lowering" : "is-raising"}` });
  bar.style.left = `${place(Math.min(from, to))}%`;
  bar.style.width = `${Math.abs(place(to) - place(from))}%`;
  // Rounded where each ends, so that the figures on the page add up as the risk does.
  const figure = hundredths(to) - hundredths(from);
  return row("", [name], bar, el("span", {}, signed(figure, true), el("span", { className: "visually-hidden" }, figure < 0 ? " lowers" : " raises")));
}

function row(className, name, bar, figure) {
  return el("tr", { className }, el("th", { scope: "row" }, ...name), el("td", { className: "risk-track-cell" }, el("span", { className: "risk-track", "aria-hidden": "true" }, bar)), el("td", { className: "risk-figure" }, figure));
}

function hundredths(logOdds) {
  return Math.round(logOdds * 100);
}

/** With a real minus, and a plus where it is a part. */
function signed(figure, isPart) {
  const sign = figure < 0 ? "−" : isPart ? "+" : "";
  return `${sign}${(Math.abs(figure) / 100).toFixed(2)}`;
}
