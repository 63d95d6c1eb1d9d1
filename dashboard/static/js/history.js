/** The page of alerts: filtered, page by page, each with its whole life; silences above. */

import { KIND_NAMES, inHands, isOpen, kindName, lasted, quietText } from "./alert-words.js";
import { Acknowledger, priorityShape, quietShape } from "./alerts.js";
import { may, me, read } from "./api.js";
import { el, setText } from "./dom.js";
import { PRIORITY_NAMES } from "./format.js";
import { toast } from "./frame.js";
import { drawLife } from "./life.js";
import { Silences } from "./silences.js";

const ROWS = 50;
const FIELDS = ["ward", "patient", "kind", "priority", "state"];
const when = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

const find = (selector) => document.querySelector(selector);
const form = find("#filter");
const people = new Map();
const acknowledger = new Acknowledger(() => {});
let who = null;
let last = null;

function query() {
  const asked = new URLSearchParams();
  for (const name of FIELDS) if (form.elements[name].value) asked.set(name, form.elements[name].value);
  for (const name of ["from", "to"]) if (form.elements[name].value) asked.set(name, new Date(form.elements[name].value).getTime());
  return asked;
}

async function load({ older = false } = {}) {
  const asked = query();
  const address = asked.toString();
  if (!older) history.replaceState(null, "", address ? `?${address}` : location.pathname);
  for (const format of ["csv", "json"]) find(`#export-${format}`).href = `/api/v1/alerts/export?${new URLSearchParams([...asked, ["format", format]])}`;
  asked.set("limit", ROWS);
  if (older && last !== null) asked.set("after", `${last.raised_at_ms}~${last.episode_id}`);
  try {
    const found = await read(`/api/v1/alerts?${asked}`);
    const rows = found.map((episode) => row(episode));
    if (older) find("#rows").append(...rows);
    else find("#rows").replaceChildren(...rows);
    last = found.at(-1) ?? last;
    find("#more").hidden = found.length < ROWS;
    find("#empty").hidden = find("#rows").children.length > 0;
    setText(find("#empty"), "No alert like that.");
  } catch (error) {
    setText(find("#empty"), error.message);
    toast(error.message, { error: true });
  }
}

/** One alert, folded; its life is asked for when it is opened. */
function row(episode, { open = false } = {}) {
  const life = el("div", { className: "life" });
  const details = el(
    "details", { className: `episode is-${episode.priority} is-${episode.state}`, open },
    el(
      "summary", {},
      episode.suppression && isOpen(episode) ? quietShape() : priorityShape(episode.priority),
      el("span", { className: "episode-what" }, el("b", {}, kindName(episode.kind)), el("span", { className: "episode-text" }, episode.text)),
      el("span", { className: "episode-who" }, patientName(episode)),
      el("span", { className: "episode-state" }, stateText(episode)),
      el("time", { className: "episode-when" }, when.format(episode.raised_at_ms), el("small", {}, `for ${lasted(episode, Date.now())}`)),
    ),
    life,
  );
  const draw = () => details.open && drawLife(life, episode, { acknowledger, who, patientName });
  details.addEventListener("toggle", draw);
  if (open) draw();
  return el("li", {}, details);
}

function stateText(episode) {
  if (!isOpen(episode)) return episode.retracted ? "taken back" : episode.retrospective ? "found afterwards" : episode.acknowledged ? `seen by ${episode.acknowledged_by ?? "somebody"}` : "never acknowledged";
  if (episode.suppression) return quietText(episode.suppression);
  if (episode.acknowledged) return `✓ ${inHands(episode)}`;
  return `${episode.latched ? "ended, not seen" : "active"}${episode.round ? ` · told ${episode.round + 1}×` : ""}`;
}

function patientName(episode) {
  if (episode.ward_id === "system") return "Wardlight itself";
  const known = people.get(episode.patient_id);
  return known ? `${known.bed ?? "–"} ${known.name}` : `${episode.ward_id} · ${episode.patient_id.slice(0, 8)}`;
}

/** Who lies on which ward, for names and for the lists to choose from. */
async function loadPeople() {
  const [wards, patients] = await Promise.all([read("/api/v1/wards"), read("/api/v1/patients")]);
  for (const patient of patients) people.set(patient.patient_id, patient);
  const byBed = new Intl.Collator(undefined, { numeric: true });
  patients.sort((a, b) => byBed.compare(a.ward_id, b.ward_id) || byBed.compare(a.bed ?? "", b.bed ?? ""));
  const known = wards.map(({ ward_id: ward }) => ward);
  form.elements.ward.append(...[...known, "system"].map((ward) => el("option", { value: ward }, ward === "system" ? "Wardlight itself" : ward)));
  form.elements.patient.append(...patients.map((patient) => el("option", { value: patient.patient_id }, `${patient.bed ?? "–"} ${patient.name}`)));
  return { wards: known, patients };
}

async function start() {
  form.elements.kind.append(...Object.entries(KIND_NAMES).map(([value, name]) => el("option", { value }, name)));
  who = await me().catch(() => null);
  find("#exports").hidden = who === null || !may(who, "export");
  const known = await loadPeople().catch((error) => {
    toast(`Wards and patients could not be loaded: ${error.message}`, { error: true });
    return { wards: [], patients: [] };
  });
  const asked = new URLSearchParams(location.search);
  for (const name of FIELDS) if (asked.has(name)) choose(form.elements[name], asked.get(name));
  const one = asked.get("episode");
  if (one) await showOne(one);
  else await load();
  new Silences({ who, ...known, patientName }).load();
}

/** A select shows what it was asked for, also where nobody of that name is on the ward any more. */
function choose(select, value) {
  if (![...select.options].some((option) => option.value === value)) select.append(el("option", { value }, value));
  select.value = value;
}

/** What a link to one alert leads to: that alert, open. */
async function showOne(episodeId) {
  try {
    const episode = await read(`/api/v1/alerts/${encodeURIComponent(episodeId)}`);
    find("#rows").replaceChildren(row(episode, { open: true }));
    find("#empty").hidden = true;
    find("#rows").scrollIntoView({ block: "start" });
  } catch (error) {
    setText(find("#empty"), error.message);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  load();
});
find("#more").addEventListener("click", () => load({ older: true }));
start();
