/** Which values were kept from the models and why, in plain words: they are shown, and counted by score and limits, all the same. */

import { setText } from "./dom.js";
import { clockTime, sentenceOf, labelOf } from "./format.js";

/** A value may be withheld for one second: its line stays this long, so that somebody can read it. */
const SHOWN_MS = 60_000;

/** By cause: what is said of a value that was not judged, and of one that was judged but not learned from. */
const WORDS = {
  implausible: ["cannot be true"],
  flat_line: ["has not changed for so long that the sensor may be stuck"],
  too_fast: ["jumped faster than a body does, waiting for more values", "keeps jumping"],
  stepped: ["suddenly elsewhere, waiting whether it stays", "suddenly elsewhere"],
  poor_signal: ["poor signal", "poor signal"],
  motion: ["measured while walking", "measured while walking"],
  duplicate: ["a second value for the same moment"],
  stale: ["came late", "came late"],
};

let lastPatient = null;
let kept = null;

/** The line under the pattern; nothing where nothing was withheld lately. */
export function showWithheld(tile, nowMs) {
  const assessed = tile.assessment;
  if (tile.patient_id !== lastPatient) [lastPatient, kept] = [tile.patient_id, null];
  if (assessed?.withheld.length) kept = assessed;
  const line = document.querySelector("#withheld");
  line.hidden = kept === null || nowMs - kept.seen_at_ms > SHOWN_MS;
  if (!line.hidden) setText(line, withheldSentence(kept));
}

/** "At 14:05:03 not judged: Oxygen saturation 70 % (jumped faster …). The early-warning score and the limits count it." */
export function withheldSentence(assessed) {
  const told = assessed.withheld.map(partOf);
  const unjudged = told.filter((part) => !part.scored).map((part) => part.text);
  const unlearned = told.filter((part) => part.scored).map((part) => part.text);
  const parts = [];
  if (unjudged.length) parts.push(`not judged against usual: ${unjudged.join("; ")}`);
  if (unlearned.length) parts.push(`not learned as usual: ${unlearned.join("; ")}`);
  const counted = assessed.withheld.every((value) => value.cause === "implausible") ? "" : " Score and limits count it.";
  return `At ${clockTime(assessed.seen_at_ms)} ${parts.join("; ")}.${counted}`;
}

/** Whether the models did not judge this sign of the assessment. */
export function isUnjudged(assessed, sign) {
  return assessed.withheld.some((value) => value.sign === sign && !value.scored);
}

function partOf({ sign, value, cause, scored }) {
  const words = WORDS[cause] ?? [cause];
  const said = value === null ? labelOf(sign) : sentenceOf(sign, value);
  return { scored, text: `${said} (${(scored ? words[1] : null) ?? words[0]})` };
}
