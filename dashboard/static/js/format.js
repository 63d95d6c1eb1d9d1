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

/** NEWS2 as "5", or "3–7" while inputs are missing. */
export function news2Text(news2) {
  if (news2.total !== null) return String(news2.total);
  return news2.low === news2.high ? String(news2.low) : `${news2.low}–${news2.high}`;
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

/** The band of the upper end: a missing input that may score 3 may ask for a review by itself. */
function highestResponse(news2) {
  if (news2.high >= 7) return "emergency";
  if (news2.high >= 5) return "urgent";
  return news2.single_red || news2.high - news2.low >= 3 ? "low_medium" : "low";
}

/** What the score asks for; no more than is certain where its ends ask for different things. */
function responseText(news2) {
  const words = highestResponse(news2) === news2.response ? RESPONSES : AT_LEAST;
  return words[news2.response] ?? news2.response;
}

/** NEWS2 in a sentence, with what is missing. */
export function news2Sentence(news2) {
  const total = news2.total !== null ? `NEWS2 ${news2.total}` : `NEWS2 between ${news2.low} and ${news2.high}`;
  const missing = news2.missing.length ? `; missing: ${news2.missing.map((sign) => labelOf(sign).toLowerCase()).join(", ")}` : "";
  return `${total}, ${responseText(news2)}${missing}.`;
}
