/** The learned risk in words first, then part by part, so that everybody sees that the parts add up. Never an alarm. */

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
const find = (selector) => document.querySelector(selector);
let drawn = null;

/** Show or hide the panel: nothing for children, nothing where no model tells a risk, nothing that is old. */
export function showRisk(tile, nowMs) {
  const assessed = tile.assessment;
  const risk = assessed?.news2 && !assessed.pews ? assessed.risk : null;
  const shown = Boolean(risk) && nowMs - assessed.seen_at_ms <= assessed.stale_after_ms;
  find("#risk-panel").hidden = !shown;
  if (!shown) return;
  const key = JSON.stringify(risk);
  if (key === drawn) return;
  drawn = key;
  setText(find("#risk-origin"), isLearnedHere(risk) ? "learned here" : "not learned here");
  setText(find("#risk-said"), riskSentence(risk));
  setText(find("#risk-source"), sourceSentence(risk));
  const known = risk.parts !== null;
  find("#risk-parts").hidden = !known;
  if (known) find("#risk-rows").replaceChildren(...rowsOf(risk));
}

/** Versions learned here say within which time; what Wardlight came with does not. */
function isLearnedHere(risk) {
  return risk.horizon_s !== null;
}

/** "Risk of getting worse within 12 h: 6 in 100, most by breathing and blood pressure." */
export function riskSentence(risk) {
  const about = isLearnedHere(risk) ? `Risk of getting worse within ${duration(risk.horizon_s * 1000)}` : "Risk as another hospital’s intensive care would put it";
  return `${about}: ${inHundred(risk.probability)}${broughtBy(risk)}.`;
}

function broughtBy(risk) {
  if (risk.parts === null) return "";
  if (risk.log_odds <= risk.usual) return ", no more than at an average moment";
  const raising = Object.entries(risk.parts).filter(([, logOdds]) => logOdds > 0).map(([subject]) => SUBJECTS[subject]?.[0] ?? labelOf(subject).toLowerCase());
  const named = [...new Set(raising)].slice(0, NAMED);
  return named.length ? `, most by ${named.join(" and ")}` : ", by many small things";
}

function sourceSentence(risk) {
  if (!isLearnedHere(risk)) return "No version learned here is in force. This came with Wardlight, from another hospital’s intensive care, and speaks of sepsis within 6 h there: it may tell who to look at first, but its number is no forecast for this ward, and it raises no alert.";
  const told = risk.threshold === null ? "It raises no alert yet." : `Where it stays at ${percent(risk.threshold)} or above, an alert tells of it.`;
  return `Learned here, from what became of patients before. ${told}`;
}

/** A probability as people count: "6 in 100". */
export function inHundred(probability) {
  if (probability < 0.01) return "fewer than 1 in 100";
  return probability > 0.99 ? "more than 99 in 100" : `${Math.round(probability * 100)} in 100`;
}

function percent(share) {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

/** From the average moment, each part from where the one before ended, to this patient now. */
function rowsOf(risk) {
  const steps = [...Object.entries(risk.parts).map(([subject, logOdds]) => [SUBJECTS[subject]?.[1] ?? labelOf(subject), logOdds]), ["All the rest", risk.others]];
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
