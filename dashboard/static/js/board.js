/** The ward board: all tiles, in bed order or worst first, live. */

import { Acknowledger, AlertCounts, Announcer } from "./alerts.js";
import { arrange, el, setText } from "./dom.js";
import { Frame } from "./frame.js";
import { LiveStream, ServerClock } from "./live.js";
import { Sightings } from "./sightings.js";
import { SystemBanner } from "./system-banner.js";
import { Tile } from "./tile.js";

const ORDER_KEY = "wardlight.order";
const byBed = new Intl.Collator(undefined, { numeric: true });

const clock = new ServerClock();
const frame = new Frame(clock);
const tiles = new Map();
const windows = { windowMs: 900_000, bucketMs: 10_000 };
const board = document.querySelector("#board");
const empty = document.querySelector("#empty");
const wards = document.querySelector("#ward");
const counts = new AlertCounts("Ward – Wardlight");
const announcer = new Announcer();
const acknowledger = new Acknowledger(() => {
  render();
  banner.render();
});
const banner = new SystemBanner(acknowledger);
const sightings = new Sightings();
let stream = null;
let heard = false;

function follow() {
  stream?.close();
  const ward = new URLSearchParams(location.search).get("ward");
  stream = new LiveStream(ward ? `/api/v1/events?ward=${encodeURIComponent(ward)}` : "/api/v1/events", clock, {
    state: (state) => frame.show(state),
    snapshot: (event) => {
      heard = true;
      windows.windowMs = event.trend_window_ms;
      windows.bucketMs = event.trend_bucket_ms;
      const listed = new Set(event.tiles.map((tile) => tile.patient_id));
      for (const patientId of tiles.keys()) if (!listed.has(patientId)) tiles.delete(patientId);
      event.tiles.forEach(take);
      banner.take(event.system);
      changed();
      listWards();
    },
    system: (event) => banner.take(event),
    tile: (event) => {
      take(event);
      changed();
    },
    gone: (event) => {
      if (tiles.delete(event.patient_id)) changed();
    },
  });
}

function take(data) {
  let tile = tiles.get(data.patient_id);
  if (tile === undefined) {
    tile = new Tile(acknowledger);
    tiles.set(data.patient_id, tile);
  }
  tile.take(data);
  acknowledger.arrived([...data.alerts, ...data.recent]);
}

let due = false;

/** Draw on the next frame, however many events came. */
function changed() {
  if (due) return;
  due = true;
  setTimeout(() => {
    due = false;
    render();
    announcer.hear([...tiles.values()].map((tile) => tile.data));
  }, 50);
}

function render() {
  const nowMs = clock.now();
  const shown = [...tiles.values()];
  for (const tile of shown) tile.render(nowMs, windows);
  const worstFirst = order() === "worst";
  shown.sort((a, b) => (worstFirst && b.rank - a.rank) || byBed.compare(a.data.ward_id, b.data.ward_id) || byBed.compare(a.data.bed, b.data.bed) || byBed.compare(a.data.patient_id, b.data.patient_id));
  arrange(board, shown.map((tile) => tile.node));
  counts.show(shown.flatMap((tile) => tile.data.alerts));
  empty.hidden = shown.length > 0;
  setText(empty, heard ? "No patients on this ward yet." : "Waiting for the first snapshot…");
  const pretend = shown.some((tile) => tile.data.origin !== "real");
  document.querySelector("#pretend").hidden = !pretend;
  sightings.show(shown.filter((tile) => tile.data.alerts.length).map((tile) => [tile.data.alerts[0], tile.node]));
}

function order() {
  return localStorage.getItem(ORDER_KEY) === "worst" ? "worst" : "bed";
}

function showOrder() {
  for (const button of document.querySelectorAll("[data-order]")) button.setAttribute("aria-pressed", String(button.dataset.order === order()));
}

async function listWards() {
  const answer = await fetch("/api/v1/wards").catch(() => null);
  if (!answer?.ok) return;
  const known = await answer.json();
  const chosen = new URLSearchParams(location.search).get("ward") ?? "";
  wards.replaceChildren(el("option", { value: "" }, "All wards"), ...known.map(({ ward_id: ward }) => el("option", { value: ward }, ward)));
  if (chosen && !known.some(({ ward_id: ward }) => ward === chosen)) wards.append(el("option", { value: chosen }, chosen));
  wards.value = chosen;
}

for (const button of document.querySelectorAll("[data-order]")) {
  button.addEventListener("click", () => {
    localStorage.setItem(ORDER_KEY, button.dataset.order);
    showOrder();
    render();
  });
}
wards.addEventListener("change", () => {
  history.replaceState(null, "", wards.value ? `?ward=${encodeURIComponent(wards.value)}` : location.pathname);
  tiles.clear();
  heard = false;
  render();
  follow();
});

showOrder();
follow();
frame.tick();
setInterval(() => {
  frame.tick();
  render();
}, 1000);
