/** The early-warning score by input, and what drove the last assessment, in plain words. */

import { el, setAttribute, setText } from "./dom.js";
import { SIGNS, clockTime, duration, formatValue, labelOf, scoreOf, scoreSentence, scoreText, sentenceOf } from "./format.js";
import { isUnjudged } from "./withheld.js";

const INPUTS = ["respiratory_rate_bpm", "spo2_percent", "supplemental_oxygen", "systolic_mmhg", "heart_rate_bpm", "consciousness_acvpu", "temperature_celsius"];
const PEWS_INPUTS = ["heart_rate_bpm", "systolic_mmhg", "capillary_refill_s", "respiratory_rate_bpm", "respiratory_effort_score", "spo2_percent", "supplemental_oxygen"];
const find = (selector) => document.querySelector(selector);

export function showScore(tile, nowMs) {
  const assessed = tile.assessment;
  const score = scoreOf(assessed);
  const inputs = score?.name === "PEWS" ? PEWS_INPUTS : INPUTS;
  setText(find("#score-name"), score?.name ?? "Early-warning score");
  const old = assessed ? nowMs - assessed.seen_at_ms > assessed.stale_after_ms : false;
  const total = find("#news2-total");
  setText(total, score ? scoreText(score) : "–");
  setAttribute(total, "data-response", score && !old ? score.response : "none");
  total.classList.toggle("is-old", old);
  const said = score ? scoreSentence(score) : "Not assessed yet.";
  setText(find("#news2-said"), old ? `Out of date, as of ${clockTime(assessed.seen_at_ms)}: ${said}` : said);
  find("#news2-rows").replaceChildren(...inputs.map((sign) => inputRow(tile, score, sign, nowMs)));
}

function inputRow(tile, score, sign, nowMs) {
  const shown = tile.signs[sign];
  const missing = !score || score.missing.includes(sign);
  const points = score?.points[sign];
  const unit = SIGNS[sign].unit;
  const old = shown ? nowMs - shown.seen_at_ms > shown.stale_after_ms : false;
  const value = shown ? `${formatValue(sign, shown.value)}${unit ? ` ${unit}` : ""}` : "–";
  return el(
    "tr", { className: missing ? "is-missing" : "" },
    el("th", { scope: "row" }, labelOf(sign)),
    el("td", { className: old ? "is-old" : "" }, el("span", { className: "value" }, value)),
    el("td", {}, shown ? duration(nowMs - shown.seen_at_ms) : ""),
    el("td", {}, el("span", { className: `points is-${points ?? "none"}` }, missing ? "missing" : points === undefined ? "?" : String(points))),
  );
}

export function showPattern(tile) {
  const assessed = tile.assessment;
  setText(find("#pattern-said"), patternSentence(assessed));
  const gauge = find("#gauge");
  const judged = assessed !== null && assessed.anomaly !== null && assessed.anomaly_threshold !== null;
  gauge.hidden = !judged;
  if (judged) {
    gauge.querySelector(".gauge-fill").style.width = `${Math.min(100, assessed.anomaly * 100)}%`;
    gauge.querySelector(".gauge-mark").style.left = `${Math.min(100, assessed.anomaly_threshold * 100)}%`;
    gauge.classList.toggle("is-flagged", assessed.flagged);
    setAttribute(gauge, "aria-label", `Score ${assessed.anomaly.toFixed(2)}, this patient's threshold ${assessed.anomaly_threshold.toFixed(2)}`);
  }
  find("#drivers").replaceChildren(...(assessed?.drivers ?? []).slice(0, 6).map((driver) => el("li", {}, ...driverWords(driver, isUnjudged(assessed, driver.sign)))));
  setText(find("#pattern-foot"), assessed ? `Model ${assessed.model_version}. A score is comparable within this patient only; it adds alerts and never withholds one.` : "");
}

function patternSentence(assessed) {
  if (!assessed) return "Not assessed yet.";
  if (assessed.as_of_ms !== null) return "A person charted since the last measurement; the pattern is judged again with the next one.";
  if (assessed.warming_up) return "Still learning what is usual for this patient: the pattern is not judged yet.";
  if (assessed.anomaly === null) return "Too few signs to judge the pattern.";
  const against = assessed.anomaly_threshold === null ? "" : ` against a threshold of ${assessed.anomaly_threshold.toFixed(2)}`;
  const score = `score ${assessed.anomaly.toFixed(2)}${against}`;
  if (assessed.flagged && assessed.anomaly <= assessed.anomaly_threshold) return `Still unusual for this patient, until well below its threshold: ${score}.`;
  return assessed.flagged ? `Unusual for this patient: ${score}.` : `Usual for this patient: ${score}.`;
}

/** ", usually 98: 5 below, 3.1 times the usual spread"; ", as usual" where the distance would read 0. */
export function awayWords(driver) {
  const usually = `, usually ${formatValue(driver.sign, driver.usual)}`;
  if (driver.distance === null || driver.deviation === null) return usually;
  const away = formatValue(driver.sign, Math.abs(driver.distance));
  if (Number(away) === 0) return ", as usual";
  return `${usually}: ${away} ${driver.distance < 0 ? "below" : "above"}, ${Math.abs(driver.deviation).toFixed(1)} times the usual spread`;
}

function driverWords(driver, unjudged) {
  const words = [el("b", {}, sentenceOf(driver.sign, driver.value))];
  if (unjudged) words.push(", not judged against usual");
  else if (driver.usual === null) words.push(", usual value not known yet");
  else words.push(awayWords(driver));
  if (driver.news2_points !== null) words.push(`; ${driver.news2_points} NEWS2 ${driver.news2_points === 1 ? "point" : "points"}`);
  if (driver.pews_points !== null) words.push(`; ${driver.pews_points} PEWS ${driver.pews_points === 1 ? "point" : "points"}`);
  return words;
}
