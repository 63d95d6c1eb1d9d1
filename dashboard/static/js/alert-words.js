/** What alerts are called: kinds, steps, reasons, states, in the words of docs/nurses.md. */

import { clockTime, duration } from "./format.js";

export const KIND_NAMES = {
  "heart-rate-low": "Heart rate low",
  "heart-rate-high": "Heart rate high",
  "respiratory-rate-low": "Respiratory rate low",
  "respiratory-rate-high": "Respiratory rate high",
  "spo2-low": "SpO₂ low",
  "temperature-low": "Temperature low",
  "temperature-high": "Temperature high",
  "systolic-low": "Systolic pressure low",
  "systolic-high": "Systolic pressure high",
  "news2-single-red": "NEWS2: one sign scores 3",
  "news2-urgent": "NEWS2 urgent",
  "news2-emergency": "NEWS2 emergency",
  "pews-high": "PEWS high",
  consciousness: "Consciousness",
  "unusual-pattern": "Unusual pattern",
  "deterioration-risk": "Risk of deterioration",
  "baseline-shift": "Away from own usual",
  "lost-contact": "Lost contact",
  "heart-rate-lost": "Heart rate not judged",
  "respiratory-rate-lost": "Respiratory rate not judged",
  "spo2-lost": "SpO₂ not judged",
  "temperature-lost": "Temperature not judged",
  "systolic-lost": "Systolic pressure not judged",
  "irregular-data": "Irregular data",
  "low-battery": "Battery low",
  "clock-wrong": "Device clock wrong",
  "ledger-imbalance": "Readings unaccounted for",
  "worker-down": "Part of Wardlight stands still",
  "backlog-growing": "Backlog growing",
  "readings-rejected": "Readings refused",
  "disk-full": "Disk full",
  "delivery-failed": "Notifications fail",
};

export const STEP_NAMES = {
  raised: "Raised",
  escalated: "Priority rose",
  realarmed: "Told again",
  acknowledged: "Taken in hand",
  moved: "Moved with the patient",
  latched: "Condition ended, not seen yet",
  suppressed: "Quiet from here on",
  unsuppressed: "No longer quiet: told",
  resolved: "Ended",
  retracted: "Taken back",
  found: "Found afterwards",
};

const REASONS = {
  limit_breached: "beyond its limit",
  limit_breached_deeper: "further beyond its limit",
  score_reached: "score reached",
  pattern_unusual: "unusual for this patient",
  consciousness_charted: "charted by a person",
  no_reading: "nothing heard",
  back_within_limit: "back within its limit",
  score_fell: "score fell",
  pattern_usual: "as usual again",
  alert_again: "charted as alert",
  contact_regained: "heard again",
  readings_unaccounted: "readings are missing in the account",
  account_balanced: "the account balances",
  device_off: "the device is off the patient",
  person: "by a person",
  patient_left: "the patient left",
  superseded: "a higher alert of the same score took over",
  transferred: "the patient was transferred",
  wrong_patient: "it had been measured on somebody else",
  charted_in_error: "it had been charted in error",
  found_by_correction: "found by a correction",
  devices_released: "the patient wears no device any more",
  breached_again: "the condition is back",
  acknowledgement_expired: "nobody has it in hand any more, and it persists",
  latch_reset: "somebody has now seen it",
  latch_expired: "its time to be seen is up",
  silenced: "silenced",
  silence_ended: "the silence is over",
  inhibited: "a technical alert makes it meaningless",
  inhibition_ended: "what made it meaningless is over",
  absorbed: "another alert says the same",
  absorption_ended: "the alert that said the same has ended",
  rules_changed: "by the rules in force now it is none",
  risk_reached: "risk reached",
  risk_fell: "risk fell",
  baseline_left: "away from this patient’s own usual",
  baseline_regained: "back at this patient’s own usual",
  signal_irregular: "the signal cannot be relied on",
  signal_regular: "the signal is regular again",
  battery_low: "battery low",
  battery_charged: "battery charged",
  clock_off: "the device’s clock is wrong",
  clock_right: "the device’s clock is right",
  fault_found: "fault found",
  fault_gone: "fault gone",
};

export const FEEDBACKS = [
  ["useful", "Useful"],
  ["not_actionable", "True, nothing to do"],
  ["technical", "Sensor or connection"],
  ["false", "Not true"],
];

export const kindName = (kind) => KIND_NAMES[kind] ?? kind.replaceAll("-", " ");
export const reasonText = (reason) => REASONS[reason] ?? reason.replaceAll("_", " ");
export const feedbackName = (feedback) => FEEDBACKS.find(([value]) => value === feedback)?.[1] ?? feedback;
export const isOpen = (episode) => episode.active || episode.latched;

/** A time of day, with its seconds left out. */
export function hourMinute(ms) {
  return clockTime(ms).slice(0, 5);
}

/** "Kim Nurse until 12:30", one for each who has it in hand. */
export function inHands(episode) {
  if (episode.acknowledgements?.length) return episode.acknowledgements.map((one) => `${one.by} until ${hourMinute(one.until_ms)}`).join(", ");
  return episode.acknowledged_by ?? "acknowledged";
}

/** The same where there is little room: until when first, then whoever holds it longest. */
export function inHandsShort(episode) {
  const held = [...(episode.acknowledgements ?? [])].sort((a, b) => b.until_ms - a.until_ms);
  if (!held.length) return inHands(episode);
  return `to ${hourMinute(held[0].until_ms)} ${held[0].by}${held.length > 1 ? ` +${held.length - 1}` : ""}`;
}

/** Why an alert is told to nobody, by whom, and until when. */
export function quietText(suppression) {
  const until = suppression.until_ms ? ` until ${hourMinute(suppression.until_ms)}` : "";
  if (suppression.reason === "silenced") return `Silenced by ${suppression.by ?? "somebody"}${until}`;
  const other = suppression.kind ? kindName(suppression.kind) : "another alert";
  return suppression.reason === "inhibited" ? `Not told while: ${other}` : `Told by: ${other}`;
}

/** Everything about an alert's state in one sentence, for titles and screen readers. */
export function stateSentence(episode) {
  const parts = [];
  if (episode.latched) parts.push("condition ended, nobody has seen it");
  if (episode.suppression) parts.push(quietText(episode.suppression));
  parts.push(episode.acknowledged ? `in hand: ${inHands(episode)}` : "in nobody’s hand");
  if (episode.round) parts.push(`told ${episode.round + 1} times`);
  return parts.join("; ");
}

/** How long it went on, or has been going on. */
export function lasted(episode, nowMs) {
  return duration((episode.resolved_at_ms ?? nowMs) - episode.onset_ms);
}
