/** The ledger: what became of every reading, per device and window; asked again every few seconds. */

import { read } from "./api.js";
import { el, setText } from "./dom.js";

const ASK_MS = 5000;
const HOUR_MS = 3_600_000;
const CAUSES = {
  settling: "on its way, perhaps: noticed only now",
  silent: "the device is silent: it may keep them and upload them late",
  sequence_gap: "the device goes on and has not sent them again",
  new_boot: "the device has begun anew: what it had kept is most likely gone",
};
const REASONS = {
  empty: "empty", too_large: "too large", not_json: "not JSON", wrong_shape: "wrong shape", unknown_sign: "unknown sign",
  no_signs: "no signs", not_a_number: "not a number", implausible: "implausible", bad_time: "bad time",
  time_in_future: "time in the future", too_old: "too old", bad_identity: "bad identity", bad_topic: "bad topic",
  unassigned: "nobody wore it",
};
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

const find = (selector) => document.querySelector(selector);
const form = find("#filter");
let serverMs = Date.now();
const count = (number) => number.toLocaleString();

async function load() {
  const { span, every, device } = form.elements;
  const asked = new URLSearchParams({ from: Math.round(serverMs - Number(span.value) * HOUR_MS), every: every.value });
  if (device.value.trim()) asked.set("device", device.value.trim());
  try {
    show(await read(`/api/v1/ledger?${asked}`), every.value);
  } catch (error) {
    verdict("Not known now", error.message, true);
  }
}

function show(ledger, every) {
  serverMs = ledger.to_ms;
  setText(find("#window"), `${short.format(ledger.from_ms)} to now`);
  judge(ledger);
  find("#sums").replaceChildren(...sums(ledger.total));
  find("#rows").replaceChildren(...ledger.lines.map((line) => row(line, every)));
  find("#gaps-section").hidden = ledger.gaps.length === 0;
  find("#gaps").replaceChildren(...ledger.gaps.map(gapRow));
  find("#empty").hidden = ledger.lines.length > 0;
  setText(find("#empty"), "Nothing was heard in this window.");
}

function judge(ledger) {
  const total = ledger.total;
  const amiss = [
    total.missing ? `${count(total.missing)} missing` : null,
    total.unstorable ? `${count(total.unstorable)} that could not be stored` : null,
    total.forgotten ? `${count(total.forgotten)} missing, no longer followed one by one` : null,
  ].filter(Boolean);
  const underway = total.unassessed > 0 ? `${count(total.unassessed)} stored and not assessed yet.` : "";
  const waits = ledger.waiting > 0 ? ` ${count(ledger.waiting)} commits are not entered yet.` : "";
  if (amiss.length) return verdict(`Does not balance: ${amiss.join(", ")}`, `${underway}${waits} What is missing for more than ${Math.round(ledger.settle_s / 60)} minutes, with no late upload to wait for, is told as an alert.`.trim(), true);
  verdict(total.unassessed ? "Balances, but for what is on its way" : "Balances", `${underway}${waits}`.trim() || "Every published reading is accounted for.", false);
}

function verdict(title, text, broken) {
  const node = find("#verdict");
  node.classList.toggle("is-broken", broken);
  setText(node.querySelector("h2"), title);
  setText(node.querySelector("p"), text);
}

function sums(total) {
  const unknowable = total.unknowable ? `and ${count(total.unknowable)} without a number` : null;
  return [
    sum("Published", total.published === null ? "unknowable" : count(total.published), unknowable),
    sum("Accepted", count(total.accepted), total.duplicates ? `${count(total.duplicates)} repeats` : null),
    sum("Refused", count(total.rejected), reasonText(total)),
    sum("Stored", count(total.stored), total.copied ? `and ${count(total.copied)} by correction` : null),
    sum("Assessed", count(total.assessed), null),
    sum("Missing", count(total.missing), null, total.missing > 0),
  ];
}

function sum(name, figure, note, amiss = false) {
  return el("div", { className: amiss ? "sum is-amiss" : "sum" }, el("dt", {}, name), el("dd", {}, figure, note ? el("small", {}, note) : null));
}

function reasonText(line) {
  const reasons = Object.entries(line.rejected_by_reason).map(([reason, number]) => `${count(number)} ${REASONS[reason] ?? "reason forgotten"}`);
  if (line.rejected_in_part) reasons.push(`${count(line.rejected_in_part)} more in part`);
  return reasons.join(", ") || null;
}

function row(line, every) {
  const at = every === "all" ? null : el("small", {}, short.format(line.from_ms));
  const name = line.device_id || "(no device of ours)";
  const refused = el("span", {}, count(line.rejected), reasonText(line) ? el("small", {}, reasonText(line)) : null);
  const causes = Object.entries(line.missing_by_cause).map(([cause, number]) => `${count(number)} ${cause.replaceAll("_", " ")}`);
  const cell = (label, content, amiss = false) => el("td", { className: amiss ? "number amiss" : "number", "data-name": label }, content);
  const isAmiss = line.missing > 0 || line.forgotten > 0 || line.unstorable > 0;
  return el(
    "tr", { className: isAmiss ? "is-amiss" : "" },
    el("td", { className: "whole what" }, name, at),
    cell("Published", line.published === null ? el("span", { className: "faint", title: "This device does not count its readings" }, "unknowable") : count(line.published)),
    cell("Accepted", count(line.accepted)),
    cell("Repeats", count(line.duplicates)),
    cell("Refused", refused),
    cell("Stored", count(line.stored + line.copied)),
    cell("Assessed", count(line.assessed)),
    cell("Missing", causes.length ? el("span", {}, count(line.missing), el("small", {}, causes.join(", "))) : count(line.missing), isAmiss),
  );
}

function gapRow(gap) {
  const numbers = gap.first === gap.last ? String(gap.first) : `${gap.first} to ${gap.last}`;
  return el(
    "tr", {},
    el("td", { className: "what" }, gap.device_id),
    el("td", { className: "number", "data-name": "Readings" }, count(gap.count)),
    el("td", { "data-name": "Numbers" }, numbers, el("small", {}, `boot ${gap.boot}`)),
    el("td", { "data-name": "Noticed" }, short.format(gap.noticed_ms)),
    el("td", { className: "whole" }, CAUSES[gap.cause] ?? gap.cause),
  );
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  load();
});
for (const select of form.querySelectorAll("select")) select.addEventListener("change", load);
load();
setInterval(() => document.visibilityState === "visible" && load(), ASK_MS);
