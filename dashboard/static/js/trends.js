/** Where signs are going, in plain words: "Oxygen saturation falling 1.2 % per hour: 88 % in about 40 min (25–70)". */

import { setText } from "./dom.js";
import { SIGNS, formatValue, labelOf } from "./format.js";

/** The line under the pattern; nothing where no sign is going anywhere, or what is known of it is old. */
export function showTrends(tile, nowMs) {
  const assessed = tile.assessment;
  const line = document.querySelector("#trends");
  line.hidden = !assessed?.trends.length || nowMs - assessed.seen_at_ms > assessed.stale_after_ms;
  if (!line.hidden) setText(line, `${assessed.trends.map(trendSentence).join(". ")}.`);
}

export function trendSentence(trend) {
  const unit = SIGNS[trend.sign]?.unit ?? "";
  const spaced = unit === "/min" ? "" : ` ${unit}`;
  const pace = `${Math.abs(trend.per_hour).toFixed(1)}${spaced} per hour`;
  const said = `${labelOf(trend.sign)} ${trend.per_hour < 0 ? "falling" : "rising"} ${pace}`;
  if (trend.limit === null) return said;
  return `${said}: ${formatValue(trend.sign, trend.limit)} ${unit} in about ${trend.minutes} min (${trend.minutes_low}–${trend.minutes_high})`;
}
