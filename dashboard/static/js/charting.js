/** Charting at the bedside: what stands, what is missing, two taps for the usual, and what was charted before. */

import { may, me, read, send } from "./api.js";
import { ACVPU, chartingForm, oxygenWords, withoutOldFlow } from "./charting-form.js";
import { entryNode } from "./charting-entries.js";
import { el, setText } from "./dom.js";
import { clockTime, duration, formatValue, labelOf, moment, scoreOf } from "./format.js";
import { toast } from "./frame.js";

const ENTRIES_SHOWN = 6;
const ALERT_ON_AIR = { consciousness_acvpu: 0, oxygen_flow_l_per_min: 0 };
const find = (selector) => document.querySelector(selector);

export class Charting {
  #tile = null;
  #entries = [];
  #next = null;
  #shown = ENTRIES_SHOWN;
  #pending = null;
  #standingKey = "";
  #quickKey = "";

  constructor({ patientId, clock }) {
    this.base = `/api/v1/patients/${encodeURIComponent(patientId)}`;
    this.clock = clock;
    this.form = chartingForm({ submit: (body) => this.#ask(body, find("#charting-form-place")) });
    find("#charting-form-place").append(this.form.node);
    find("#charting-more").addEventListener("click", () => this.#openForm(find("#charting-form-place").hidden));
    find("#charting-scale-form").addEventListener("submit", (event) => this.#setScale(event));
    find("#charting-older").addEventListener("click", () => this.#older());
    me().then((who) => this.#allow(who)).catch(() => {});
  }

  /** Take what the server sent of this patient, once a second. */
  show(tile, nowMs) {
    this.#tile = tile;
    this.#showStanding(nowMs);
    this.#showQuick();
    setText(find("#charting-scale"), `SpO₂ scale ${tile.spo2_scale}`);
    find("#charting-scale").classList.toggle("is-two", tile.spo2_scale === 2);
  }

  /** Read again what was charted. */
  async load() {
    try {
      const answer = await read(`${this.base}/charting?limit=50`);
      this.#entries = answer.entries;
      this.#next = answer.next;
      this.#showEntries();
    } catch (error) {
      toast(`What was charted could not be loaded: ${error.message}`, { error: true });
    }
  }

  #allow(who) {
    find("#charting-write").hidden = !may(who, "chart");
    find("#charting-scale-change").hidden = !may(who, "set_scale");
  }

  #openForm(open) {
    find("#charting-form-place").hidden = !open;
    find("#charting-more").setAttribute("aria-expanded", String(open));
    if (open) this.form.node.querySelector("button").focus();
  }

  /** What stands now, who said so and until when; what is missing for NEWS2, and when it will be. */
  #showStanding(nowMs) {
    const { assessment } = this.#tile;
    const signs = withoutOldFlow(this.#tile.signs);
    const charted = Object.entries(signs).filter(([, sign]) => sign.charted_by !== null && sign.seen_at_ms + sign.stale_after_ms >= nowMs);
    const score = scoreOf(assessment);
    const missing = score?.missing ?? [];
    const ends = charted.filter(([name]) => score && name in score.points).map(([name, sign]) => [sign.seen_at_ms + sign.stale_after_ms, name]);
    ends.sort((a, b) => a[0] - b[0]);
    const key = JSON.stringify([charted, missing, ends, Math.floor(nowMs / 60_000)]);
    if (key === this.#standingKey) return;
    this.#standingKey = key;
    find("#charting-standing").replaceChildren(...standingRows(charted, nowMs));
    const said = find("#charting-news2");
    said.classList.toggle("is-missing", missing.length > 0);
    if (!score) setText(said, "No early-warning score yet.");
    else if (missing.length) setText(said, `Missing for ${score.name}: ${missing.map((name) => labelOf(name).toLowerCase()).join(", ")}.`);
    else if (ends.length) setText(said, `${score.name} is complete until ${clockTime(ends[0][0]).slice(0, 5)}; then ${labelOf(ends[0][1]).toLowerCase()} runs out.`);
    else setText(said, `${score.name} is complete.`);
  }

  /** One tap says it, a second one confirms it. */
  #showQuick() {
    const { consciousness_acvpu: aware, supplemental_oxygen: oxygen, oxygen_flow_l_per_min: flow } = withoutOldFlow(this.#tile.signs);
    const choices = [["Alert, on air", ALERT_ON_AIR]];
    if (aware?.charted_by && oxygen?.charted_by && oxygen.value > 0) {
      const same = { consciousness_acvpu: aware.value, ...(flow?.charted_by && flow.value > 0 ? { oxygen_flow_l_per_min: flow.value } : { supplemental_oxygen: 1 }) };
      choices.push([`As before: ${ACVPU[aware.value].name}, ${oxygenWords(same)}`, same]);
    }
    const key = JSON.stringify(choices);
    if (key === this.#quickKey) return;
    this.#quickKey = key;
    const buttons = choices.map(([words, signs]) => {
      const button = el("button", { type: "button", className: "charting-quick" }, words);
      button.addEventListener("click", () => this.#ask({ body: { signs }, words }, find("#charting-quick")));
      return button;
    });
    find("#charting-quick-buttons").replaceChildren(...buttons);
  }

  /** Ask once before it goes onto the record; what was asked keeps its key however often it must be sent. */
  #ask({ body, words }, place) {
    find("#charting-confirm")?.remove();
    this.#pending = { body: { ...body, idempotency_key: crypto.randomUUID() }, words };
    const confirm = el("button", { type: "button", className: "primary" }, `Confirm: ${words}`);
    const cancel = el("button", { type: "button", className: "quiet" }, "Cancel");
    const node = el("div", { id: "charting-confirm", className: "charting-confirm", role: "group", "aria-label": "Confirm what is charted" }, confirm, cancel);
    confirm.addEventListener("click", () => this.#send(confirm));
    cancel.addEventListener("click", () => this.#settled());
    place.append(node);
    node.scrollIntoView({ block: "nearest" });
    confirm.focus();
  }

  async #send(confirm) {
    const { body, words } = this.#pending;
    confirm.disabled = true;
    try {
      const entry = await send(`${this.base}/charting`, body);
      this.#settled();
      this.form.clear();
      this.#openForm(false);
      this.#take(entry);
      toast(`Charted: ${words}`);
    } catch (error) {
      confirm.disabled = false;
      toast(`Not charted: ${error.message}`, { error: true });
    }
  }

  #settled() {
    this.#pending = null;
    find("#charting-confirm")?.remove();
  }

  async #setScale(event) {
    event.preventDefault();
    const form = event.target;
    const scale = Number(new FormData(form).get("spo2_scale"));
    const by = String(new FormData(form).get("prescribed_by")).trim();
    try {
      const entry = await send(`${this.base}/spo2-scale`, { spo2_scale: scale, ...(by ? { prescribed_by: by } : {}), idempotency_key: crypto.randomUUID() });
      form.reset();
      find("#charting-scale-change").open = false;
      this.#take(entry);
      toast(`SpO₂ scale ${scale} holds from now on.`);
    } catch (error) {
      toast(`Not changed: ${error.message}`, { error: true });
    }
  }

  async #withdraw(entry, reason) {
    try {
      this.#take(await send(`${this.base}/charting/${entry.entry_id}/withdraw`, { reason }));
      toast("Taken back: it stays on record and counts for nothing.");
    } catch (error) {
      toast(`Not taken back: ${error.message}`, { error: true });
    }
  }

  async #older() {
    this.#shown += 20;
    if (this.#shown > this.#entries.length && this.#next !== null) {
      try {
        const answer = await read(`${this.base}/charting?limit=50&before=${encodeURIComponent(this.#next)}`);
        this.#entries.push(...answer.entries);
        this.#next = answer.next;
      } catch (error) {
        toast(`Older entries could not be loaded: ${error.message}`, { error: true });
      }
    }
    this.#showEntries();
  }

  /** The server's answer, before the stream tells of it. */
  #take(entry) {
    this.#entries = [entry, ...this.#entries.filter((known) => known.entry_id !== entry.entry_id)].sort((a, b) => b.observed_at_ms - a.observed_at_ms);
    this.#showEntries();
  }

  #showEntries() {
    const nowMs = this.clock.now();
    const writable = !find("#charting-write").hidden;
    const nodes = this.#entries.slice(0, this.#shown).map((entry) => entryNode(entry, nowMs, writable ? (reason) => this.#withdraw(entry, reason) : null));
    find("#charting-entries").replaceChildren(...nodes);
    find("#charting-none").hidden = this.#entries.length > 0;
    find("#charting-older").hidden = this.#entries.length <= this.#shown && this.#next === null;
  }
}

/** What one person said at one time stands in one row. */
function standingRows(charted, nowMs) {
  const rows = new Map();
  for (const [name, sign] of charted) {
    const untilMs = sign.seen_at_ms + sign.stale_after_ms;
    const key = JSON.stringify([sign.charted_by, sign.measured_at_ms, untilMs]);
    rows.set(key, { sign, untilMs, signs: { ...rows.get(key)?.signs, [name]: sign.value } });
  }
  return [...rows.values()].map(({ sign, untilMs, signs }) =>
    el(
      "li", {},
      el("b", {}, wordsOf(signs)),
      el("span", { className: "charting-by" }, `${sign.charted_by}, ${moment(sign.seen_at_ms, nowMs).slice(0, -3)}; holds ${duration(untilMs - nowMs)} more`),
    ),
  );
}

/** "Alert · on air · Temperature 36.8 °C". */
function wordsOf(signs) {
  const words = [];
  if (signs.consciousness_acvpu !== undefined) words.push(formatValue("consciousness_acvpu", signs.consciousness_acvpu));
  if (signs.supplemental_oxygen !== undefined || signs.oxygen_flow_l_per_min !== undefined) words.push(oxygenWords(signs));
  for (const [name, value] of Object.entries(signs)) {
    if (!["consciousness_acvpu", "supplemental_oxygen", "oxygen_flow_l_per_min"].includes(name)) words.push(`${labelOf(name)} ${formatValue(name, value)}`);
  }
  return words.join(" · ");
}
