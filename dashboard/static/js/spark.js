/** A tile's trend line: the last minutes of one sign; a gap in data is a gap in the line. */

import { svg } from "./dom.js";

const WIDTH = 100;
const HEIGHT = 24;
const MARGIN = 2;
const SPANS = {
  heart_rate_bpm: { least: 24 },
  respiratory_rate_bpm: { least: 10 },
  spo2_percent: { least: 8, top: 100 },
};

export class Spark {
  #path = svg("path", { class: "spark-line", "vector-effect": "non-scaling-stroke" });

  constructor(sign) {
    this.sign = sign;
    this.node = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "spark", "aria-hidden": "true" }, this.#path);
    this.points = new Map();
  }

  /** Replace points from `fromMs` on; 0 replaces all. */
  take(points, fromMs) {
    if (fromMs === 0) this.points.clear();
    for (const [atMs, value] of points) this.points.set(atMs, value);
  }

  /** Draw the window that ends at `endMs` (the data's own time). */
  draw(endMs, windowMs, gapMs) {
    const startMs = endMs - windowMs;
    for (const atMs of this.points.keys()) if (atMs < startMs - gapMs) this.points.delete(atMs);
    const shown = [...this.points].filter(([atMs]) => atMs >= startMs && atMs <= endMs + gapMs).sort((a, b) => a[0] - b[0]);
    this.#path.setAttribute("d", shown.length ? this.#line(shown, startMs, windowMs, gapMs) : "");
  }

  #line(shown, startMs, windowMs, gapMs) {
    const values = shown.map(([, value]) => value);
    const span = SPANS[this.sign] ?? { least: 1 };
    let low = Math.min(...values);
    let high = Math.max(...values);
    const missing = span.least - (high - low);
    if (missing > 0) {
      low -= missing / 2;
      high += missing / 2;
    }
    if (span.top !== undefined && high > span.top) {
      low -= high - span.top;
      high = span.top;
    }
    let before = -Infinity;
    let d = "";
    for (const [atMs, value] of shown) {
      const x = (((atMs - startMs) / windowMs) * WIDTH).toFixed(2);
      const y = (HEIGHT - MARGIN - ((value - low) / (high - low)) * (HEIGHT - 2 * MARGIN)).toFixed(2);
      d += atMs - before > gapMs ? `M${x} ${y}h.01` : `L${x} ${y}`;
      before = atMs;
    }
    return d;
  }
}
