/** The audit trail, for auditors: filtered, page by page, verified, anchored. */

import { read } from "./api.js";
import { el, setText } from "./dom.js";
import { toast } from "./frame.js";

const ACTIONS = {
  see: "Saw", export: "Exported", chart: "Charted", set_scale: "Set the SpO₂ scale", correct: "Corrected",
  acknowledge: "Acknowledged", resolve: "Resolved", silence: "Silenced alerts", label: "Said what an alert was worth", admit: "Admitted", transfer: "Transferred", discharge: "Discharged",
  change_device: "Changed a device", replay: "Replayed refused messages", break_glass: "Broke the glass", refused: "Was refused",
  sign_in: "Signed in", sign_in_failed: "Failed to sign in", sign_out: "Signed out", locked_out: "Was locked out",
  change_person: "Changed a person", change_grant: "Changed a role", change_password: "Changed a password",
  issue_token: "Issued a token", revoke_token: "Revoked a token", change: "Changed something",
};
const GRAVE = ["break_glass", "refused", "sign_in_failed", "locked_out", "export", "correct"];
const ASKED_FIRST = ["request", "asked", "status"];
const when = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

const find = (selector) => document.querySelector(selector);
const form = find("#filter");
let before = null;

function query() {
  const asked = new URLSearchParams();
  for (const name of ["person", "patient", "action"]) {
    const value = form.elements[name].value.trim();
    if (value) asked.set(name, value);
  }
  for (const name of ["from", "to"]) {
    const value = form.elements[name].value;
    if (value) asked.set(name, new Date(value).getTime());
  }
  return asked;
}

async function load({ older = false } = {}) {
  const asked = query();
  if (older && before !== null) asked.set("before", before);
  try {
    const page = await read(`/api/v1/audit?${asked}`);
    const rows = page.entries.map(row);
    if (older) find("#rows").append(...rows);
    else find("#rows").replaceChildren(...rows);
    before = page.next;
    find("#more").hidden = before === null;
    find("#empty").hidden = find("#rows").children.length > 0;
    setText(find("#empty"), "No entry like that.");
  } catch (error) {
    setText(find("#empty"), error.message);
    toast(error.message, { error: true });
  }
}

function row(entry) {
  const patient = entry.patient_id === null ? null : el("a", { href: `/patients/${entry.patient_id}` }, entry.patient_id);
  const token = entry.token_id === null ? null : el("small", {}, `by token ${entry.token_id}`);
  return el(
    "tr", { className: GRAVE.includes(entry.action) ? "grave" : "" },
    el("td", { className: "number faint", "data-name": "No." }, String(entry.number)),
    el("td", {}, when.format(entry.at_ms)),
    el("td", {}, entry.name, token),
    el("td", { className: "what" }, ACTIONS[entry.action] ?? entry.action),
    el("td", { "data-name": "Patient" }, patient, entry.ward_id === null ? null : el("small", {}, entry.ward_id)),
    el("td", { className: "whole" }, entry.subject ?? "", el("div", { className: "detail" }, detailText(entry.detail))),
    el("td", { className: "faint", "data-name": "From" }, entry.address ?? ""),
  );
}

function detailText(detail) {
  const names = [...ASKED_FIRST, ...Object.keys(detail)].filter((name, index, all) => name in detail && all.indexOf(name) === index);
  return names.map((name) => `${name.replaceAll("_", " ")}: ${valueText(name, detail[name])}`).join(" · ");
}

function valueText(name, value) {
  const isTime = /(^|_)(from|to|until|at)(_ms)?$/.test(name) && /^[0-9]{12,14}$/.test(String(value));
  return isTime ? when.format(Number(value)) : String(value ?? "none");
}

async function verify() {
  const node = find("#verdict");
  setText(node.querySelector("h2"), "Verifying…");
  try {
    const found = await read("/api/v1/audit/verify");
    node.classList.toggle("is-broken", !found.sound);
    setText(node.querySelector("h2"), found.sound ? `Sound: ${found.entries.toLocaleString()} entries, one unbroken chain` : `Broken at entry ${found.broken.number}`);
    const more = "Whether its end was cut off, or all of it written anew, only an anchor kept elsewhere can show: wardlight audit verify --anchor FILE.";
    setText(node.querySelector("p"), found.sound ? more : `${found.broken.why} The ${found.entries.toLocaleString()} entries before it are what was written.`);
  } catch (error) {
    setText(node.querySelector("h2"), "Not verified");
    setText(node.querySelector("p"), error.message);
  }
}

async function anchor() {
  try {
    const made = await read("/api/v1/audit/anchor");
    setText(find("#anchor-line"), made.anchor);
    find("#anchor-dialog").showModal();
  } catch (error) {
    toast(error.message, { error: true });
  }
}

form.elements.action.append(...Object.entries(ACTIONS).map(([value, name]) => el("option", { value }, name)));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  load();
});
find("#more").addEventListener("click", () => load({ older: true }));
find("#verify").addEventListener("click", verify);
find("#anchor").addEventListener("click", anchor);
for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());
load();
