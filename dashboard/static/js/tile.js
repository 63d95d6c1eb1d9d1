/** One patient's tile on the ward board. */

import { inHands, inHandsShort, kindName, quietText, stateSentence } from "./alert-words.js";
import { keepPhase, priorityShape, quietShape } from "./alerts.js";
import { el, setAttribute, setText } from "./dom.js";
import { ORIGIN_NOTES, PRIORITIES, PRIORITY_NAMES, SIGNS, clockTime, duration, formatValue, scoreOf, scoreSentence, scoreText } from "./format.js";
import { Spark } from "./spark.js";

const BIG = ["heart_rate_bpm", "spo2_percent", "respiratory_rate_bpm"];
const BUCKETS_PER_GAP = 2.5;

export class Tile {
  #alertNode = null;
  #alertKey = "";

  constructor(acknowledger) {
    this.acknowledger = acknowledger;
    this.data = null;
    this.bed = el("span", { className: "bed" });
    this.name = el("span", { className: "name" });
    this.link = el("a", { className: "who-link" }, this.bed, this.name);
    this.news2 = el("span", { className: "news2" });
    this.alertPlace = el("div", { className: "alert-place" });
    this.cells = Object.fromEntries(BIG.map((sign) => [sign, bigCell(sign)]));
    this.pressure = smallCell("BP", "mmHg");
    this.temperature = smallCell("", "°C");
    this.age = el("span", { className: "age" });
    this.origin = el("span", { className: "origin" });
    this.noData = el("p", { className: "no-data", hidden: true });
    this.node = el(
      "article", { className: "tile" },
      el("header", {}, this.link, this.news2),
      this.alertPlace,
      el("div", { className: "signs" }, ...BIG.map((sign) => this.cells[sign].node), this.noData),
      el("div", { className: "small-signs" }, this.pressure.node, this.temperature.node),
      el("footer", {}, this.age, this.origin),
    );
  }

  /** Take what the server sent of this patient. */
  take(data) {
    this.data = data;
    setText(this.bed, data.bed || "–");
    setText(this.name, data.name);
    this.name.title = data.name;
    setAttribute(this.link, "href", `/patients/${encodeURIComponent(data.patient_id)}`);
    setText(this.origin, ORIGIN_NOTES[data.origin] ?? "");
    if (data.trend_from_ms !== null) {
      for (const sign of BIG) this.cells[sign].spark.take(data.trend[sign] ?? [], data.trend_from_ms);
    }
  }

  /** Draw everything that depends on the time; `windows` are the trend's window and bucket. */
  render(nowMs, windows) {
    const { data } = this;
    const ageMs = data.seen_at_ms === null ? Infinity : Math.max(0, nowMs - data.seen_at_ms);
    this.isStale = ageMs > data.stale_after_ms;
    this.node.classList.toggle("is-stale", this.isStale);
    this.noData.hidden = !this.isStale;
    if (this.isStale) setText(this.noData, ageMs === Infinity ? "No data yet" : `No data for ${duration(ageMs)}`);
    setText(this.age, ageMs === Infinity ? "never heard" : this.isStale ? `last ${clockTime(data.seen_at_ms)}` : `${duration(ageMs)} ago${slowAges(data.signs, nowMs)}`);
    for (const sign of BIG) this.#renderBig(sign, nowMs, windows);
    this.#renderPressure(nowMs);
    renderSmall(this.temperature, [data.signs.temperature_celsius], nowMs, this.isStale, (sign) => formatValue("temperature_celsius", sign.value));
    this.#renderNews2(nowMs);
    this.#renderAlert(nowMs);
  }

  /** Worst first: what needs a person most comes first, then data that is missing, then the score. */
  get rank() {
    const worst = this.data.alerts.find((episode) => !episode.suppression);
    const priority = worst ? PRIORITIES.length - PRIORITIES.indexOf(worst.priority) : 0;
    const unseen = this.data.alerts.some((episode) => !episode.acknowledged && !episode.suppression) ? 1 : 0;
    const news2 = scoreOf(this.data.assessment);
    return priority * 1e6 + unseen * 1e5 + (this.isStale ? 5e4 : 0) + (news2 ? news2.low * 100 + news2.high : 0);
  }

  #renderBig(sign, nowMs, windows) {
    const cell = this.cells[sign];
    const shown = this.data.signs[sign];
    const stale = (this.isStale && !shown?.charted_by) || !shown || nowMs - shown.seen_at_ms > shown.stale_after_ms;
    setText(cell.value, shown ? formatValue(sign, shown.value) : "–");
    cell.node.classList.toggle("is-old", Boolean(shown) && stale);
    setAttribute(cell.node, "title", describe(sign, shown, stale, nowMs));
    const gapMs = Math.max(windows.bucketMs * BUCKETS_PER_GAP, shown?.stale_after_ms ?? 0);
    cell.spark.draw(nowMs - this.data.time_shift_ms, windows.windowMs, gapMs);
  }

  #renderPressure(nowMs) {
    const { systolic_mmhg: systolic, diastolic_mmhg: diastolic } = this.data.signs;
    renderSmall(this.pressure, [systolic, diastolic], nowMs, this.isStale, () =>
      `${systolic ? formatValue("systolic_mmhg", systolic.value) : "–"}/${diastolic ? formatValue("diastolic_mmhg", diastolic.value) : "–"}`);
  }

  #renderNews2(nowMs) {
    const assessed = this.data.assessment;
    const news2 = scoreOf(assessed);
    const old = !assessed || nowMs - assessed.seen_at_ms > assessed.stale_after_ms;
    setText(this.news2, news2 ? scoreText(news2) : "–");
    setAttribute(this.news2, "data-response", news2 && !old ? news2.response : "none");
    this.news2.classList.toggle("is-old", Boolean(news2) && old);
    if (news2) setAttribute(this.news2, "data-score", news2.name);
    else this.news2.removeAttribute("data-score");
    const said = news2 ? scoreSentence(news2) : "No early-warning score yet.";
    const sentence = news2 && old ? `Out of date: ${said}` : said;
    setAttribute(this.news2, "title", sentence);
    setAttribute(this.news2, "aria-label", sentence);
    setAttribute(this.news2, "role", "img");
  }

  #renderAlert(nowMs) {
    const [worst, ...others] = this.data.alerts;
    const waiting = worst ? this.acknowledger.isWaiting(worst.episode_id) : false;
    const recent = this.data.recent[0];
    const unseen = others.filter((episode) => !episode.acknowledged && !episode.suppression).length;
    const quiet = others.filter((episode) => episode.suppression).length;
    const key = JSON.stringify([worst, others.length, unseen, quiet, waiting, worst ? null : recent?.episode_id]);
    setAttribute(this.node, "data-flashing", worst && flashes(worst) ? worst.priority : "none");
    setAttribute(this.node, "data-priority", worst && !worst.suppression ? worst.priority : "none");
    if (key === this.#alertKey && this.#alertNode !== null) return;
    this.#alertKey = key;
    this.#alertNode = worst ? alertStrip(worst, { others: others.length, unseen, quiet, waiting, acknowledger: this.acknowledger }) : calmStrip(recent, nowMs);
    this.alertPlace.replaceChildren(this.#alertNode);
  }
}

/** Nobody has it in hand and people are told of it; one that has ended by itself flashes on only while it is high. */
export function flashes(episode) {
  return !episode.acknowledged && !episode.suppression && (episode.active || episode.priority === "high");
}

/** One alert as a strip: shape, word, text, how it stands, and the button. */
export function alertStrip(episode, { others = 0, unseen = 0, quiet = 0, waiting = false, acknowledger, more = false }) {
  const strip = el(
    "div", { className: `alert-strip is-${episode.priority} ${stateClass(episode)}` },
    episode.suppression ? quietShape() : priorityShape(episode.priority),
    el("p", { className: "alert-text", title: `${kindName(episode.kind)}: ${episode.text}` }, episode.text),
    el("p", { className: "alert-meta", title: `${PRIORITY_NAMES[episode.priority]} priority, ${stateSentence(episode)}` }, metaText(episode, { others, unseen, quiet, more })),
  );
  const isOpenTo = !episode.acknowledged && !episode.suppression;
  if (isOpenTo || more) {
    const name = isOpenTo ? "Acknowledge" : "More about";
    const button = el("button", { type: "button", className: isOpenTo ? "acknowledge" : "acknowledge is-more", disabled: waiting, "aria-label": `${name}: ${episode.text}` }, waiting ? "…" : isOpenTo ? "Ack" : "More");
    button.addEventListener("click", () => acknowledger.ask(episode));
    strip.append(button);
  }
  keepPhase(strip);
  return strip;
}

function stateClass(episode) {
  if (episode.suppression) return "is-suppressed";
  if (episode.acknowledged) return "is-acknowledged";
  return `is-open${episode.latched ? " is-latched" : ""}${flashes(episode) ? " is-flashing" : ""}`;
}

function metaText(episode, { others, unseen, quiet, more }) {
  const parts = [PRIORITY_NAMES[episode.priority].toUpperCase()];
  if (episode.latched) parts.push(more ? "ended, nobody has seen it" : "ended");
  if (episode.suppression) parts.push(quietText(episode.suppression));
  else if (episode.acknowledged) parts.push(`✓ ${more ? inHands(episode) : inHandsShort(episode)}`);
  else if (episode.round) parts.push(`told ${episode.round + 1}×`);
  if (others) parts.push(unseen ? `+${unseen} unseen` : quiet === others ? `+${quiet} quiet` : `+${others} more`);
  return parts.join(" · ");
}

function calmStrip(recent) {
  if (!recent) return el("p", { className: "calm" }, "No active alert");
  const seen = recent.acknowledged ? "" : ", never acknowledged";
  const what = recent.retracted || recent.retrospective ? clockTime(recent.resolved_at_ms) : `Ended ${clockTime(recent.resolved_at_ms)}${seen}`;
  return el("p", { className: "calm is-recent", title: recent.text }, `${what}: ${recent.text}`);
}

function bigCell(sign) {
  const value = el("span", { className: "value" }, "–");
  const spark = new Spark(sign);
  const { short, unit } = SIGNS[sign];
  const node = el("div", { className: "cell" }, el("span", { className: "label" }, short, el("small", {}, unit)), value, spark.node);
  return { node, value, spark };
}

function smallCell(label, unit) {
  const value = el("span", { className: "value" }, "–");
  return { node: el("span", { className: "small-cell" }, el("span", { className: "label" }, label), value, el("small", {}, unit)), value };
}

function renderSmall(cell, signs, nowMs, tileIsStale, text) {
  const known = signs.filter(Boolean);
  setText(cell.value, known.length ? text(known[0]) : "–");
  const old = known.some((sign) => nowMs - sign.seen_at_ms > sign.stale_after_ms);
  cell.node.classList.toggle("is-old", known.length > 0 && ((tileIsStale && !known[0].charted_by) || old));
  setAttribute(cell.node, "title", known.length ? `${duration(nowMs - Math.min(...known.map((sign) => sign.seen_at_ms)))} old` : "not measured");
}

/** Ages of what is measured now and then, where they differ from the rest by a minute or more. */
function slowAges(signs, nowMs) {
  return [["BP", signs.systolic_mmhg], ["°C", signs.temperature_celsius]]
    .filter(([, sign]) => sign && nowMs - sign.seen_at_ms >= 60_000)
    .map(([label, sign]) => ` · ${label} ${duration(nowMs - sign.seen_at_ms)}`)
    .join("");
}

function describe(sign, shown, stale, nowMs) {
  const { label, unit } = SIGNS[sign];
  if (!shown) return `${label}: not measured`;
  return `${label} ${formatValue(sign, shown.value)} ${unit}, ${duration(nowMs - shown.seen_at_ms)} old${stale ? ": out of date" : ""}`;
}
