/** The two charts of the page Reliability, as plain SVG; a table with the same figures stands beside each. */

import { svg } from "./dom.js";

const SIZE = { width: 520, height: 430, left: 74, right: 26, top: 16, bottom: 60 };
const TICKS = [0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1];
const DAYS = { width: 640, height: 170, left: 40, right: 8, top: 16, bottom: 32 };
const dayName = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** What was told against what turned out; axes by square root, since most risks are small. */
export function calibrationChart(bins) {
  const most = Math.min(1, 1.08 * Math.max(0.05, ...bins.flatMap((bin) => [bin.predicted, bin.observed_high])));
  const wide = SIZE.width - SIZE.left - SIZE.right;
  const high = SIZE.height - SIZE.top - SIZE.bottom;
  const x = (share) => SIZE.left + wide * Math.sqrt(share / most);
  const y = (share) => SIZE.top + high * (1 - Math.sqrt(share / most));
  const ticks = TICKS.filter((share) => share <= most);
  const label = `Risk told against what happened, in ${bins.length} groups of moments; the same figures stand in the table.`;
  return svg(
    "svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", "aria-label": label },
    ...ticks.flatMap((share) => [
      svg("line", { class: "grid", x1: x(share), x2: x(share), y1: y(0), y2: y(most) }),
      svg("line", { class: "grid", x1: x(0), x2: x(most), y1: y(share), y2: y(share) }),
      svg("text", { x: x(share), y: y(0) + 24, "text-anchor": "middle" }, percent(share)),
      svg("text", { x: x(0) - 8, y: y(share) + 4, "text-anchor": "end" }, percent(share)),
    ]),
    svg("line", { class: "axis", x1: x(0), x2: x(most), y1: y(0), y2: y(0) }),
    svg("line", { class: "axis", x1: x(0), x2: x(0), y1: y(0), y2: y(most) }),
    svg("line", { class: "even", x1: x(0), x2: x(most), y1: y(0), y2: y(most) }),
    svg("text", { x: SIZE.left + wide / 2, y: SIZE.height - 10, "text-anchor": "middle" }, "Risk told"),
    svg("text", { x: 14, y: SIZE.top + high / 2, "text-anchor": "middle", transform: `rotate(-90 14 ${SIZE.top + high / 2})` }, "Deteriorated"),
    ...bins.map((bin) => svg("line", { class: "reach", x1: x(bin.predicted), x2: x(bin.predicted), y1: y(bin.observed_low), y2: y(bin.observed_high) })),
    ...bins.map((bin) => svg("circle", { class: "point", cx: x(bin.predicted), cy: y(bin.observed), r: 5.5 })),
  );
}

/** One bar a day. */
export function shiftChart(days) {
  const most = Math.max(4, ...days.map((day) => day.shifts));
  const high = DAYS.height - DAYS.top - DAYS.bottom;
  const step = (DAYS.width - DAYS.left - DAYS.right) / days.length;
  const y = (count) => DAYS.top + high * (1 - count / most);
  const label = "Signs that left their usual, by day; the same figures stand in the table.";
  return svg(
    "svg", { viewBox: `0 0 ${DAYS.width} ${DAYS.height}`, role: "img", "aria-label": label },
    ...[0, most].flatMap((count) => [
      svg("line", { class: "grid", x1: DAYS.left, x2: DAYS.width - DAYS.right, y1: y(count), y2: y(count) }),
      svg("text", { x: DAYS.left - 6, y: y(count) + 4, "text-anchor": "end" }, String(count)),
    ]),
    ...days.map((day, index) => svg("rect", { class: "bar", x: DAYS.left + step * index + step * 0.18, width: step * 0.64, y: y(day.shifts), height: high - (y(day.shifts) - DAYS.top) })),
    ...days.flatMap((day, index) => dayLabel(day, days.length - 1 - index, DAYS.left + step * (index + 0.5))),
  );
}

/** Under every third bar its day, so that labels do not touch on a phone. */
function dayLabel(day, ago, x) {
  if (ago % 3) return [];
  if (ago === 0) return [svg("text", { x: DAYS.width - DAYS.right, y: DAYS.height - 8, "text-anchor": "end" }, "last 24 h")];
  return [svg("text", { x, y: DAYS.height - 8, "text-anchor": "middle" }, dayName.format(day.to_ms - 1))];
}

/** "12 %", "2.4 %", "0.31 %", never broken between lines. */
export function percent(share) {
  const value = share * 100;
  const decimals = value === 0 || value >= 10 || Number.isInteger(value) ? 0 : value >= 1 ? 1 : 2;
  return `${value.toFixed(decimals)}\u00a0%`;
}
