/** Patients and devices of the reader's wards: admit, move, discharge; assign, swap, release; correct. */

import { may, me, read } from "./api.js";
import { el, setText } from "./dom.js";
import { clockTime, moment } from "./format.js";
import { Deed } from "./deed.js";
import * as deeds from "./deeds.js";

const LOOK_MS = 4000;
const byBed = new Intl.Collator(undefined, { numeric: true });
const wardChoice = document.querySelector("#ward");
const find = document.querySelector("#find");
const stale = document.querySelector("#stale");
const book = { who: null, patients: [], devices: [], corrections: [], alerts: [], wards: [], updatedMs: null };
const deed = new Deed(() => look());

async function look() {
  try {
    book.who = await me();
    const sees = may(book.who, "see_ward");
    const [patients, devices, corrections, alerts, wards] = await Promise.all([
      sees ? read("/api/v1/patients") : [],
      may(book.who, "manage_devices") ? read("/api/v1/devices") : [],
      may(book.who, "see_patient") ? read("/api/v1/corrections?limit=50") : [],
      sees ? read("/api/v1/alerts?active=true&limit=1000") : [],
      may(book.who, "transfer") ? read("/api/v1/wards/known") : [],
    ]);
    Object.assign(book, { patients, devices, corrections, alerts, wards, updatedMs: Date.now() });
    stale.hidden = true;
    setText(document.querySelector("#updated"), `As of ${clockTime(book.updatedMs)}`);
    render();
  } catch (error) {
    stale.hidden = false;
    const since = book.updatedMs === null ? "Nothing could be read yet" : `Not up to date since ${clockTime(book.updatedMs)}`;
    setText(stale, `${since}: ${error instanceof TypeError ? "the server does not answer." : error.message}`);
  }
}

function render() {
  listWards();
  const wanted = find.value.trim().toLowerCase();
  const ward = wardChoice.value;
  const wornBy = new Map();
  for (const device of book.devices) if (device.patient_id) wornBy.set(device.patient_id, [...(wornBy.get(device.patient_id) ?? []), device]);
  const named = new Map(book.patients.map((patient) => [patient.patient_id, patient]));

  const patients = book.patients
    .filter((patient) => !ward || patient.ward_id === ward)
    .filter((patient) => isWanted(wanted, [patient.name, patient.bed ?? "", patient.patient_id, ...(wornBy.get(patient.patient_id) ?? []).map((device) => device.device_id)]))
    .sort((a, b) => byBed.compare(a.ward_id, b.ward_id) || byBed.compare(a.bed ?? "~", b.bed ?? "~"));
  const devices = book.devices
    .filter((device) => !ward || device.ward_id === ward || named.get(device.patient_id)?.ward_id === ward)
    .filter((device) => isWanted(wanted, [device.device_id, named.get(device.patient_id)?.name ?? "", named.get(device.patient_id)?.bed ?? ""]));

  fill("#patients", patients.map((patient) => patientRow(patient, wornBy.get(patient.patient_id) ?? [], wanted)), "No patient here.");
  fill("#devices", devices.map((device) => deviceRow(device, named.get(device.patient_id), wanted)), wanted && may(book.who, "manage_devices") ? `No device “${find.value.trim()}” here.` : "No device here.");
  document.querySelector("#corrections-section").hidden = book.corrections.length === 0;
  fill("#corrections", book.corrections.map((correction) => correctionRow(correction, named)), "");
  document.querySelector("#admit").hidden = !may(book.who, "admit");
  document.querySelector("#add-device").hidden = !may(book.who, "manage_devices");
}

function isWanted(wanted, texts) {
  return !wanted || texts.some((text) => text.toLowerCase().includes(wanted));
}

function fill(place, rows, otherwise) {
  const list = document.querySelector(place);
  const focused = document.activeElement?.dataset?.key;
  list.replaceChildren(...(rows.length || !otherwise ? rows : [el("li", { className: "registry-none" }, otherwise)]));
  if (focused) list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function patientRow(patient, worn, wanted) {
  const open = book.alerts.filter((alert) => alert.patient_id === patient.patient_id);
  const can = (permission) => may(book.who, permission, patient.ward_id);
  const said = el("p", { className: "registry-said" }, facts(patient, can("admit")), el("span", {}, " · "));
  said.append(...(worn.length ? ["Wears ", ...worn.flatMap((device, at) => [at ? ", " : "", id(device.device_id)])] : ["No device"]));
  if (open.length) said.append(" · ", el("span", { className: "registry-alerts" }, `${open.length} open ${open.length === 1 ? "alert" : "alerts"}`));
  return el(
    "li", { className: `registry-row${worn.some((device) => device.device_id.toLowerCase() === wanted) ? " is-found" : ""}`, id: `patient-${patient.patient_id}` },
    el("span", { className: "registry-bed" }, patient.bed ?? "–", el("small", {}, patient.ward_id)),
    el("div", {}, el("p", { className: "registry-name" }, el("a", { href: `/patients/${encodeURIComponent(patient.patient_id)}` }, patient.name)), said),
    actions(patient.patient_id, [
      can("transfer") && ["Move", () => deeds.move(patient, book)],
      can("transfer") && book.patients.length > 1 && ["Swap beds", () => deeds.swapBeds(patient, book)],
      can("manage_devices") && ["Give device", () => deeds.giveDevice(patient, book)],
      can("discharge") && ["Discharge", () => deeds.discharge(patient, worn, open)],
    ]),
  );
}

/** Age and sex; for whoever may mend them the way to do so. */
function facts(patient, mayMend) {
  const known = deeds.ageAndSex(patient);
  if (!mayMend) return known;
  return el("button", { type: "button", className: "registry-facts", "data-key": `${patient.patient_id}/facts`, "aria-label": `Age and sex: ${known}`, onclick: () => deed.open(deeds.ageSex(patient)) }, known);
}

function deviceRow(device, wearer, wanted) {
  const since = device.assigned_from_ms ? ` since ${moment(device.assigned_from_ms, Date.now())}` : "";
  const worn = device.patient_id !== null;
  const by = wearer ? `${wearer.name}, bed ${wearer.bed ?? "–"} of ${wearer.ward_id}` : device.patient_id;
  return el(
    "li", { className: `registry-row${device.device_id.toLowerCase() === wanted ? " is-found" : ""}`, id: `device-${device.device_id}` },
    el("span", { className: "registry-bed" }, wearer ? (wearer.bed ?? "–") : "", el("small", {}, device.ward_id)),
    el("div", {}, el("p", { className: "registry-name" }, id(device.device_id)), el("p", { className: "registry-said" }, worn ? `Worn by ${by}${since}` : "Worn by nobody")),
    actions(device.device_id, [
      !worn && ["Assign", () => deeds.assign(device, book)],
      book.devices.length > 1 && worn && ["Swap", () => deeds.swapDevices(device, book)],
      worn && ["Release", () => deeds.release(device, wearer, book)],
      may(book.who, "correct") && ["Correct", () => deeds.correct(device, book)],
    ]),
  );
}

function correctionRow(correction, named) {
  const who = (patientId) => (patientId === null ? "nobody" : (named.get(patientId)?.name ?? patientId));
  const until = correction.is_open ? "on" : `to ${moment(correction.until_ms, Date.now())}`;
  const result = correction.state === "done"
    ? `${correction.readings} ${correction.readings === 1 ? "reading" : "readings"}; alerts: ${correction.retracted} taken back, ${correction.found} found`
    : "being carried out…";
  return el(
    "li", { className: "registry-row registry-correction" },
    el("div", {},
      el("p", { className: "registry-name" }, id(correction.device_id), ` was on ${who(correction.right_patient_id)}, not on ${who(correction.wrong_patient_id)}, from ${moment(correction.from_ms, Date.now())} ${until}`),
      el("p", { className: "registry-said" }, `${correction.by}, ${moment(correction.requested_at_ms, Date.now())}: ${correction.reason}`),
    ),
    el("span", { className: "registry-state" }, result),
  );
}

function actions(key, offered) {
  return el("div", { className: "registry-actions" }, ...offered.filter(Boolean).map(([name, make]) =>
    el("button", { type: "button", "data-key": `${key}/${name}`, onclick: () => deed.open(make()) }, name),
  ));
}

function id(text) {
  return el("span", { className: "registry-id" }, text);
}

function listWards() {
  const known = [...new Set([...book.patients.map((patient) => patient.ward_id), ...book.devices.map((device) => device.ward_id)])].sort(byBed.compare);
  if ([...wardChoice.options].slice(1).map((option) => option.value).join("/") === known.join("/")) return;
  const chosen = wardChoice.value || (new URLSearchParams(location.search).get("ward") ?? "");
  wardChoice.replaceChildren(el("option", { value: "" }, "All wards"), ...known.map((ward) => el("option", { value: ward }, ward)));
  wardChoice.value = known.includes(chosen) ? chosen : "";
}

find.addEventListener("input", () => book.who && render());
find.addEventListener("keydown", (event) => {
  // A scanner types and presses Enter: go to what it found.
  if (event.key !== "Enter") return;
  event.preventDefault();
  document.querySelector("#devices .is-found button, #devices .registry-row button")?.focus();
});
wardChoice.addEventListener("change", () => {
  history.replaceState(null, "", wardChoice.value ? `?ward=${encodeURIComponent(wardChoice.value)}` : location.pathname);
  render();
});
document.querySelector("#admit").addEventListener("click", () => deed.open(deeds.admit(book, wardChoice.value)));
document.querySelector("#add-device").addEventListener("click", () => deed.open(deeds.addDevice(book, wardChoice.value, find.value.trim())));

look();
setInterval(() => !document.hidden && look(), LOOK_MS);
