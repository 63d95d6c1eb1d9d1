/** The patient's course: one chart per sign on a shared time axis, gaps left open, alert episodes as bands, what was learned anew as a line. */

import { el } from "./dom.js";
import { SIGNS, clockTime } from "./format.js";

const CHARTS = [
  { title: "Heart rate", unit: "/min", signs: ["heart_rate_bpm"], least: 30 },
  { title: "Oxygen saturation", unit: "%", signs: ["spo2_percent"], least: 10, top: 100 },
  { title: "Respiratory rate", unit: "/min", signs: ["respiratory_rate_bpm"], least: 12 },
  { title: "Blood pressure", unit: "mmHg", signs: ["systolic_mmhg", "mean_pressure_mmhg", "diastolic_mmhg"], least: 60 },
  { title: "Temperature", unit: "°C", signs: ["temperature_celsius"], least: 2 },
];
const ALERT_SIGNS = {
  "heart-rate": "heart_rate_bpm", "respiratory-rate": "respiratory_rate_bpm", spo2: "spo2_percent",
  temperature: "temperature_celsius", systolic: "systolic_mmhg",
};
const BAND_ALPHA = { high: "59", medium: "73", low: "59" };
const HEIGHT = 132;

export class Charts {
  #place = document.querySelector("#charts");
  #charts = [];
  #rows = new Map();
  #episodes = [];
  #relearned = [];
  #gapMs = {};
  #range = { min: 0, max: 1 };

  constructor() {
    this.#build();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#build());
    new ResizeObserver(() => this.#resize()).observe(this.#place);
  }

  /** Replace all points by these rows of the history. */
  reset(rows) {
    this.#rows.clear();
    this.add(rows);
  }

  /** Add rows; a row of the same time is merged, so that repeats change nothing. */
  add(rows) {
    for (const row of rows) {
      const known = this.#rows.get(row.measured_at_ms);
      this.#rows.set(row.measured_at_ms, known ? { ...known, signs: { ...known.signs, ...row.signs } } : row);
    }
  }

  /** Draw the window [endMs - windowMs, endMs]; a distance beyond `gapOf(sign)` is a gap. */
  draw({ endMs, windowMs, gapOf, episodes, relearned }) {
    this.#episodes = episodes;
    this.#relearned = relearned;
    this.#range = { min: (endMs - windowMs) / 1000, max: endMs / 1000 };
    for (const atMs of this.#rows.keys()) if (atMs < endMs - windowMs - 600_000) this.#rows.delete(atMs);
    const rows = [...this.#rows.values()].filter((row) => row.measured_at_ms >= endMs - windowMs).sort((a, b) => a.measured_at_ms - b.measured_at_ms);
    for (const { plot, spec, root } of this.#charts) {
      const columns = spec.signs.map((sign) => pointsOf(rows, sign, gapOf(sign)));
      root.classList.toggle("is-empty", columns.every((points) => points.length === 0));
      plot.setData(joined(columns, this.#range), false);
      plot.batch(() => {
        plot.setScale("x", this.#range);
        plot.setScale("y", yRange(columns, spec));
      });
    }
  }

  #resize() {
    const width = this.#place.clientWidth;
    if (width > 0) for (const { plot } of this.#charts) if (plot.width !== width) plot.setSize({ width, height: HEIGHT });
  }

  #build() {
    for (const { plot } of this.#charts) plot.destroy();
    this.#place.replaceChildren();
    const colours = getComputedStyle(document.documentElement);
    const colour = (name) => colours.getPropertyValue(name).trim();
    this.#charts = CHARTS.map((spec) => {
      const root = el("div", { className: "chart" }, el("h3", {}, spec.title, el("small", {}, spec.unit)), el("p", { className: "chart-empty" }, "Not measured in this time"));
      this.#place.append(root);
      const plot = new window.uPlot(this.#options(spec, colour), [[], ...spec.signs.map(() => [])], root);
      return { plot, spec, root };
    });
  }

  #options(spec, colour) {
    const axis = { stroke: colour("--ink-2"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui", labelFont: "11px system-ui" };
    const dashes = [undefined, [2, 3], [6, 3]];
    return {
      width: this.#place.clientWidth || 600,
      height: HEIGHT,
      cursor: { sync: { key: "course" }, y: false, drag: { x: false, y: false } },
      legend: { show: true, live: true },
      scales: { x: { time: true, auto: false }, y: { auto: false } },
      axes: [
        { ...axis, size: 26, values: timeLabels },
        { ...axis, size: 40, space: 24, values: (_, ticks) => ticks.map((tick) => String(Math.round(tick * 10) / 10)) },
      ],
      series: [
        { label: "Time", value: (_, at) => (at === null ? "" : clockTime(at * 1000)) },
        ...spec.signs.map((sign, index) => ({
          label: SIGNS[sign].short, stroke: colour("--trace"), width: 1.6, dash: dashes[index], spanGaps: false,
          points: { show: lonely, size: 4, fill: colour("--trace") },
          value: (_, value) => (value === null || value === undefined ? "–" : value.toFixed(SIGNS[sign].decimals)),
        })),
      ],
      hooks: { drawClear: [(plot) => this.#drawEpisodes(plot, spec, colour)] },
    };
  }

  #drawEpisodes(plot, spec, colour) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const episode of this.#episodes) {
      const own = spec.signs.includes(signOf(episode));
      const from = plot.valToPos(episode.raised_at_ms / 1000, "x", true);
      const endedMs = episode.resolved_at_ms ?? (episode.latched ? episode.last_at_ms : null);
      const to = endedMs === null ? bbox.left + bbox.width : plot.valToPos(endedMs / 1000, "x", true);
      if (to < bbox.left || from > bbox.left + bbox.width) continue;
      const ink = colour(episode.priority === "medium" ? "--medium-deep" : `--${episode.priority}`);
      if (own) {
        ctx.fillStyle = ink + BAND_ALPHA[episode.priority];
        ctx.fillRect(from, bbox.top, Math.max(2, to - from), bbox.height);
      }
      ctx.fillStyle = ink;
      ctx.fillRect(from, bbox.top, own ? 2 * devicePixelRatio : devicePixelRatio, bbox.height);
      marker(ctx, from, bbox.top, episode.priority, ink);
      if (own && episode.limit !== null) limitLine(plot, episode, from, ink);
    }
    for (const mark of this.#relearned) if (spec.signs.includes(mark.sign)) relearnedLine(plot, mark, colour("--ink-2"));
    ctx.restore();
  }
}

/** Triangle, diamond or circle, as everywhere, at the moment an alert was raised. */
function marker(ctx, x, top, priority, ink) {
  const size = 5 * devicePixelRatio;
  const y = top + size + 1;
  ctx.fillStyle = ink;
  ctx.beginPath();
  if (priority === "high") ctx.moveTo(x, y - size), ctx.lineTo(x + size, y + size), ctx.lineTo(x - size, y + size);
  else if (priority === "medium") ctx.moveTo(x, y - size), ctx.lineTo(x + size, y), ctx.lineTo(x, y + size), ctx.lineTo(x - size, y);
  else ctx.arc(x, y, size * 0.85, 0, 2 * Math.PI);
  ctx.fill();
}

function limitLine(plot, episode, from, ink) {
  const { ctx, bbox } = plot;
  const y = plot.valToPos(episode.limit, "y", true);
  ctx.strokeStyle = ink;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(Math.max(from, bbox.left), y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** From here on the sign's usual is another one: a dotted line in words, in no colour of an alarm. */
function relearnedLine(plot, mark, ink) {
  const { ctx, bbox } = plot;
  const x = plot.valToPos(mark.at_ms / 1000, "x", true);
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.strokeStyle = ctx.fillStyle = ink;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([1 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.setLineDash([]);
  const left = x > bbox.left + bbox.width / 2;
  ctx.font = `${11 * devicePixelRatio}px system-ui`;
  ctx.textAlign = left ? "right" : "left";
  ctx.textBaseline = "bottom";
  ctx.fillText("usual learned anew", x + (left ? -5 : 5) * devicePixelRatio, bbox.top + bbox.height - 3 * devicePixelRatio);
}

function signOf(episode) {
  if (episode.sign) return episode.sign;
  return ALERT_SIGNS[episode.kind.replace(/-(low|high)$/, "")] ?? null;
}

function timeLabels(_, ticks) {
  return ticks.map((tick) => new Date(tick * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }));
}

/** A value with a gap on both sides has no line: show it as a point. */
function lonely(plot, series, from, to) {
  const values = plot.data[series];
  for (let index = from; index <= to; index += 1) {
    if (values[index] !== null && values[index] !== undefined && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null) return true;
  }
  return false;
}

/** [atMs, value] of one sign, with a null wherever the line must break. */
function pointsOf(rows, sign, gapMs) {
  const points = [];
  let before = null;
  for (const row of rows) {
    const value = row.signs[sign];
    if (value === undefined) continue;
    if (before !== null && row.measured_at_ms - before > gapMs) points.push([before + 1, null]);
    points.push([row.measured_at_ms, value]);
    before = row.measured_at_ms;
  }
  return points;
}

/** Columns of their own times on one time axis; between its own points a column is undefined, which does not break the line. */
function joined(columns) {
  if (columns.length === 1) return [columns[0].map(([at]) => at / 1000), columns[0].map(([, value]) => value)];
  return window.uPlot.join(
    columns.map((points) => [points.map(([at]) => at / 1000), points.map(([, value]) => value)]),
    columns.map(() => [2]), // a null of a column's own is a gap
  );
}

function yRange(columns, { least, top }) {
  const values = columns.flat().map(([, value]) => value).filter((value) => value !== null);
  if (values.length === 0) return { min: 0, max: least };
  let min = Math.min(...values);
  let max = Math.max(...values);
  const spare = Math.max(least - (max - min), (max - min) * 0.16);
  min -= spare / 2;
  max += spare / 2;
  if (top !== undefined && max > top) {
    min = Math.min(min, top - least);
    max = top + 0.5;
  }
  return { min, max };
}
