/** One patient's page: values now, course, alerts and what the scores say, live. */

import { isOpen, kindName, quietText } from "./alert-words.js";
import { Acknowledger, AlertCounts, Announcer, acknowledgement, priorityShape } from "./alerts.js";
import { useClock, withoutOldFlow } from "./charting-form.js";
import { Charting } from "./charting.js";
import { Outcomes } from "./outcomes.js";
import { Charts } from "./charts.js";
import { arrange, el, setText } from "./dom.js";
import { showPattern, showScore } from "./explain.js";
import { showTrends } from "./trends.js";
import { showWithheld } from "./withheld.js";
import { ORIGIN_NOTES, PRIORITY_NAMES, SIGNS, clockTime, duration, formatValue, labelOf, moment } from "./format.js";
import { Frame, toast } from "./frame.js";
import { showLimits } from "./limits.js";
import { LiveStream, ServerClock } from "./live.js";
import { Marks } from "./marks.js";
import { showRisk } from "./risk.js";
import { Sightings } from "./sightings.js";
import { SystemBanner } from "./system-banner.js";
import { alertStrip } from "./tile.js";

const SHOWN = ["heart_rate_bpm", "spo2_percent", "respiratory_rate_bpm", "temperature_celsius", "systolic_mmhg", "diastolic_mmhg", "mean_pressure_mmhg", "consciousness_acvpu", "supplemental_oxygen", "oxygen_flow_l_per_min", "pain_score", "capillary_refill_s", "respiratory_effort_score", "battery_percent"];
const EVERY_MS = { 900000: null, 3600000: 5000, 21600000: 30_000, 86400000: 120_000 };
const ROWS_PER_PAGE = 5000;
const PAGES_MAX = 4;

const patientId = decodeURIComponent(location.pathname.split("/").pop());
const find = (selector) => document.querySelector(selector);
const clock = new ServerClock();
const frame = new Frame(clock);
const charts = new Charts();
const charting = new Charting({ patientId, clock });
const outcomes = new Outcomes({ patientId, clock });
const marks = new Marks({ patientId });
useClock(clock);
const counts = new AlertCounts("Patient – Wardlight");
const announcer = new Announcer();
const acknowledger = new Acknowledger(() => {
  render();
  banner.render();
});
const banner = new SystemBanner(acknowledger);
const sightings = new Sightings();
const values = new Map();
let tile = null;
let episodes = [];
let windowMs = 900_000;
let asked = 0;
let alertsKey = "";
let alertStrips = new Map();

const stream = new LiveStream(`/api/v1/events?patient=${encodeURIComponent(patientId)}`, clock, {
  state: (state) => frame.show(state),
  snapshot: (event) => {
    tile = event.tiles[0] ?? null;
    banner.take(event.system);
    if (tile === null && event.clock.live) setText(find("#empty"), "There is no such patient on the wards now.");
    render();
    loadHistory();
    loadEpisodes();
    charting.load();
    outcomes.load();
    showLimits(patientId);
  },
  system: (event) => banner.take(event),
  patient: (event) => {
    tile = event.tile;
    charts.add(event.samples.map(toRow));
    if (event.samples_dropped) loadHistory();
    if (event.alerts_changed) loadEpisodes();
    if (event.charting_changed) charting.load();
    render();
  },
  gone: (event) => {
    if (event.patient_id !== patientId) return;
    tile = null;
    setText(find("#empty"), "This patient has left the ward.");
    render();
  },
});
window.addEventListener("pagehide", () => stream.close());
window.addEventListener("pageshow", (event) => event.persisted && location.reload());

/** A live reading at the resolution the window is drawn in. */
function toRow(sample) {
  const every = EVERY_MS[windowMs];
  return every === null ? sample : { ...sample, measured_at_ms: Math.floor(sample.measured_at_ms / every) * every };
}

function dataNow() {
  return clock.now() - (tile?.time_shift_ms ?? 0);
}

async function loadHistory() {
  if (tile === null) return;
  const turn = ++asked;
  const every = EVERY_MS[windowMs];
  const window_ = { from: String(Math.floor(dataNow() - windowMs)), to: String(Math.ceil(dataNow() + 60_000)), limit: String(ROWS_PER_PAGE) };
  const rows = [];
  let after = null;
  try {
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const query = new URLSearchParams({ ...window_, ...(every ? { every: String(every) } : {}), ...(after ? { after } : {}) });
      const answer = await read(`/api/v1/patients/${encodeURIComponent(patientId)}/history?${query}`);
      rows.push(...answer.rows);
      after = answer.next;
      if (after === null) break;
    }
  } catch (error) {
    toast(`The history could not be loaded: ${error.message}`, { error: true });
    return;
  }
  if (turn !== asked) return;
  charts.add(rows.filter((row) => !row.charted));
  render();
}

async function loadEpisodes() {
  try {
    const stored = await read(`/api/v1/alerts?patient=${encodeURIComponent(patientId)}&limit=100`);
    const known = new Map(stored.map((episode) => [episode.episode_id, episode]));
    for (const episode of [...(tile?.recent ?? []), ...(tile?.alerts ?? [])]) known.set(episode.episode_id, episode);
    episodes = [...known.values()].sort((a, b) => b.raised_at_ms - a.raised_at_ms);
    render();
  } catch (error) {
    toast(`The alert episodes could not be loaded: ${error.message}`, { error: true });
  }
}

async function read(url) {
  const answer = await fetch(url);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.message);
  return body;
}

function render() {
  find("#content").hidden = tile === null;
  find("#empty").hidden = tile !== null;
  if (tile === null) return;
  const nowMs = clock.now();
  setText(find("#bed"), tile.bed || "–");
  setText(find("#name"), tile.name);
  counts.title = `${tile.bed} ${tile.name} – Wardlight`;
  counts.show(tile.alerts);
  acknowledger.arrived([...tile.alerts, ...tile.recent]);
  announcer.hear([tile]);
  setText(find("#whereabouts"), [tile.ward_id, tile.device_ids.join(", ") || "no device"].filter(Boolean).join(" · "));
  find("#pretend").hidden = tile.origin === "real";
  setText(find("#pretend"), ORIGIN_NOTES[tile.origin] ? `${ORIGIN_NOTES[tile.origin]} data: not a real patient’s present state.` : "");
  renderAlerts();
  sightings.show(tile.alerts.map((episode) => [episode, alertStrips.get(episode.episode_id)]));
  renderValues(nowMs);
  charting.show(tile, nowMs);
  showScore(tile, nowMs);
  showPattern(tile);
  showTrends(tile, nowMs);
  showWithheld(tile, nowMs);
  showRisk(tile, nowMs);
  marks.refresh(dataNow(), tile.assessment);
  marks.show(dataNow());
  renderEpisodes(nowMs);
  charts.draw({ endMs: dataNow(), windowMs, gapOf, episodes: shownEpisodes(), relearned: marks.relearned });
}

/** The list from the database, brought up to date by what the stream says. */
function shownEpisodes() {
  const now = new Map([...tile.recent, ...tile.alerts].map((episode) => [episode.episode_id, episode]));
  return episodes.map((episode) => now.get(episode.episode_id) ?? episode);
}

function gapOf(sign) {
  const every = EVERY_MS[windowMs] ?? 0;
  return Math.max(tile.signs[sign]?.stale_after_ms ?? 30_000, every * 2.5);
}

function renderAlerts() {
  const key = JSON.stringify(tile.alerts.map((episode) => [episode, acknowledger.isWaiting(episode.episode_id)]));
  if (key === alertsKey) return;
  alertsKey = key;
  const strips = tile.alerts.map((episode) => alertStrip(episode, { waiting: acknowledger.isWaiting(episode.episode_id), acknowledger, more: true }));
  find("#alerts").replaceChildren(...(strips.length ? strips : [el("p", { className: "calm" }, "No open alert")]));
  alertStrips = new Map(tile.alerts.map((episode, index) => [episode.episode_id, strips[index]]));
}

function renderValues(nowMs) {
  const ageMs = tile.seen_at_ms === null ? Infinity : nowMs - tile.seen_at_ms;
  const stale = ageMs > tile.stale_after_ms;
  find("#no-data").hidden = !stale;
  if (stale) setText(find("#no-data"), ageMs === Infinity ? "No data yet" : `No data for ${duration(ageMs)} — last heard ${clockTime(tile.seen_at_ms)}`);
  setText(find("#age"), ageMs === Infinity || stale ? "" : `${duration(ageMs)} ago`);
  find("#content").classList.toggle("is-stale-patient", stale);
  const known = withoutOldFlow(tile.signs);
  const shown = SHOWN.filter((sign) => known[sign]);
  for (const sign of shown) if (!values.has(sign)) values.set(sign, valueCell(sign));
  for (const sign of shown) {
    const now = tile.signs[sign];
    const { node, value, age } = values.get(sign);
    const signAgeMs = Math.max(0, nowMs - now.seen_at_ms);
    setText(value, formatValue(sign, now.value));
    setText(age, signAgeMs > 10_000 ? `${duration(signAgeMs)} ago` : "");
    node.classList.toggle("is-old", (stale && !now.charted_by) || signAgeMs > now.stale_after_ms);
  }
  arrange(find("#signs"), shown.map((sign) => values.get(sign).node));
}

function valueCell(sign) {
  const value = el("span", { className: "value" });
  const age = el("span", { className: "age" });
  const { unit } = SIGNS[sign];
  const node = el("div", { className: "value-cell" }, el("dt", { className: "label" }, labelOf(sign)), el("dd", {}, value, el("small", {}, unit), age));
  return { node, value, age };
}

function renderEpisodes(nowMs) {
  const shown = shownEpisodes();
  find("#no-episodes").hidden = shown.length > 0;
  find(".episodes").hidden = shown.length === 0;
  const key = JSON.stringify(shown);
  if (find("#episodes").dataset.key === key) return;
  find("#episodes").dataset.key = key;
  find("#episodes").replaceChildren(
    ...shown.map((episode) =>
      el(
        "tr", { className: isOpen(episode) ? "is-active" : "" },
        el("td", { className: "time" }, moment(episode.raised_at_ms, nowMs)),
        el("td", {}, el("span", { className: "priority" }, priorityShape(episode.priority), PRIORITY_NAMES[episode.priority])),
        el("td", { className: "what" }, el("a", { href: `/alerts?episode=${encodeURIComponent(episode.episode_id)}`, title: "Its whole life" }, el("small", {}, kindName(episode.kind)), episode.text)),
        el("td", {}, episode.acknowledged ? acknowledgement(episode).replace(/^acknowledged /, "") : el("em", {}, "no")),
        el("td", { className: "time" }, episode.resolved_at_ms === null ? el("b", {}, openWord(episode)) : `${moment(episode.resolved_at_ms, nowMs)}${episode.resolved_by ? ` by ${episode.resolved_by}` : ""}`),
      ),
    ),
  );
}

function openWord(episode) {
  if (episode.suppression) return quietText(episode.suppression);
  return episode.latched ? "not seen" : "active";
}

for (const button of document.querySelectorAll("[data-window]")) {
  button.addEventListener("click", () => {
    windowMs = Number(button.dataset.window);
    for (const other of document.querySelectorAll("[data-window]")) other.setAttribute("aria-pressed", String(other === button));
    charts.reset([]);
    loadHistory();
    render();
  });
}

frame.tick();
setInterval(() => {
  frame.tick();
  render();
}, 1000);
