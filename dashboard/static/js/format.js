/** How values, times and durations are written. */

export const SIGNS = {
  heart_rate_bpm: { label: "Heart rate", short: "HR", unit: "/min", decimals: 0 },
  respiratory_rate_bpm: { label: "Respiratory rate", short: "RR", unit: "/min", decimals: 0 },
  spo2_percent: { label: "Oxygen saturation", short: "SpO₂", unit: "%", decimals: 0 },
  temperature_celsius: { label: "Temperature", short: "Temp", unit: "°C", decimals: 1 },
  systolic_mmhg: { label: "Systolic pressure", short: "Sys", unit: "mmHg", decimals: 0 },
  diastolic_mmhg: { label: "Diastolic pressure", short: "Dia", unit: "mmHg", decimals: 0 },
  mean_pressure_mmhg: { label: "Mean pressure", short: "MAP", unit: "mmHg", decimals: 0 },
  consciousness_acvpu: { label: "Consciousness", short: "ACVPU", unit: "", decimals: 0 },
  supplemental_oxygen: { label: "Supplemental oxygen", short: "O₂", unit: "", decimals: 0 },
  oxygen_flow_l_per_min: { label: "Oxygen flow", short: "Flow", unit: "L/min", decimals: 1 },
  pain_score: { label: "Pain", short: "Pain", unit: "of 10", decimals: 0 },
  capillary_refill_s: { label: "Capillary refill", short: "Refill", unit: "s", decimals: 1 },
  respiratory_effort_score: { label: "Effort of breathing", short: "Effort", unit: "of 3", decimals: 0 },
  skin_temperature_celsius: { label: "Skin temperature", short: "Skin", unit: "°C", decimals: 1 },
  hrv_sdnn_ms: { label: "Heart rate variability", short: "HRV", unit: "ms", decimals: 0 },
  steps_count: { label: "Steps", short: "Steps", unit: "", decimals: 0 },
  glucose_mmol_per_l: { label: "Glucose", short: "Glucose", unit: "mmol/L", decimals: 1 },
  battery_percent: { label: "Battery", short: "Battery", unit: "%", decimals: 0 },
  signal_quality_percent: { label: "Signal quality", short: "Signal", unit: "%", decimals: 0 },
};

export const PRIORITIES = ["high", "medium", "low"];
export const PRIORITY_NAMES = { high: "High", medium: "Medium", low: "Low" };
export const ORIGIN_NOTES = { demo: "Simulated", replay: "Replayed" };
const ACVPU = ["Alert", "Confused", "Voice", "Pain", "Unresponsive"];

/** A sign's value as people read it, without unit. */
export function formatValue(sign, value) {
  if (sign === "consciousness_acvpu") return ACVPU[Math.round(value)] ?? "?";
  if (sign === "supplemental_oxygen") return value === 0 ? "Air" : "On oxygen";
  return value.toFixed(SIGNS[sign]?.decimals ?? 1);
}

export function labelOf(sign) {
  return SIGNS[sign]?.label ?? sign;
}

/** "Heart rate 128 /min". */
export function sentenceOf(sign, value) {
  const unit = SIGNS[sign]?.unit;
  return `${labelOf(sign)} ${formatValue(sign, value)}${unit ? ` ${unit}` : ""}`;
}

const withSeconds = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const withDate = new Intl.DateTimeFormat(undefined, {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

/** 12:03:11, in the browser's time zone. */
export function clockTime(ms) {
  return withSeconds.format(ms);
}

/** With the day where that is not today's. */
export function moment(ms, nowMs) {
  return Math.abs(nowMs - ms) < 20 * 3_600_000 ? withSeconds.format(ms) : withDate.format(ms);
}

/** "8 s", "2 min", "3 h 5 min", "2 d". */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

/** The score a patient gets: NEWS2, or Bedside PEWS of a child; null where nothing is assessed yet. */
export function scoreOf(assessment) {
  if (assessment?.news2) return { name: "NEWS2", ...assessment.news2 };
  if (assessment?.pews) return { name: "PEWS", response: pewsResponse(assessment.pews.low), ...assessment.pews };
  return null;
}

function pewsResponse(points) {
  if (points >= 8) return "emergency";
  return points >= 5 ? "urgent" : "low";
}

/** The score as "5", or "3–7" while inputs are missing. */
export function scoreText(score) {
  if (score.total !== null) return String(score.total);
  return score.low === score.high ? String(score.low) : `${score.low}–${score.high}`;
}

const RESPONSES = {
  low: "low risk",
  low_medium: "one sign alone scores 3: ward review",
  urgent: "urgent threshold reached",
  emergency: "emergency threshold reached",
};

const AT_LEAST = {
  low: "risk unknown until what is missing is charted",
  low_medium: "one sign alone scores 3: ward review at least",
  urgent: "at least urgent threshold reached",
};

const PEWS_RESPONSES = { low: "below 5", urgent: "5 and more: watch closely", emergency: "8 and more: urgent review" };
const PEWS_AT_LEAST = { low: "risk unknown until what is missing is charted", urgent: "at least 5: watch closely" };

/** The band of the upper end: a missing input that may score 3 may ask for a review by itself. */
function highestResponse(score) {
  if (score.name === "PEWS") return pewsResponse(score.high);
  if (score.high >= 7) return "emergency";
  if (score.high >= 5) return "urgent";
  return score.single_red || score.high - score.low >= 3 ? "low_medium" : "low";
}

/** What the score asks for; no more than is certain where its ends ask for different things. */
function responseText(score) {
  const certain = highestResponse(score) === score.response;
  const [said, atLeast] = score.name === "PEWS" ? [PEWS_RESPONSES, PEWS_AT_LEAST] : [RESPONSES, AT_LEAST];
  return (certain ? said : atLeast)[score.response] ?? score.response;
}

/** The score in a sentence, with what is missing. */
export function scoreSentence(score) {
  const age = score.band ? ` (${score.band})` : "";
  const total = score.total !== null ? `${score.name}${age} ${score.total}` : `${score.name}${age} between ${score.low} and ${score.high}`;
  const missing = score.missing.length ? `; missing: ${score.missing.map((sign) => labelOf(sign).toLowerCase()).join(", ")}` : "";
  return `${total}, ${responseText(score)}${missing}.`;
}
