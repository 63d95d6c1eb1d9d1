/** The status page: asks every few seconds, shows the path of a reading, what is behind, and when what was last done. */

import { read } from "./api.js";
import { arrange, el, setText } from "./dom.js";
import { duration, moment } from "./format.js";
import { Frame } from "./frame.js";
import { ServerClock } from "./live.js";
import { refreshModels } from "./models.js";

const ASK_MS = 3000;
const STALE_MS = 12_000;
const NAMES = {
  ingest: "Ingest", recorder: "Recorder", stream: "Scoring", alerts: "Alerts", "alert-delivery": "Delivery", "alert-ladders": "Escalation",
  notifications: "Notifications",
  heartbeat: "Heartbeat", dashboard: "Dashboard", status: "Status", watchdog: "Watchdog",
};
const WORK = {
  recorder: "writes history to the database", stream: "scores every reading", alerts: "raises and ends alerts",
  "alert-delivery": "tells MQTT subscribers", "alert-ladders": "climbs the ladders of open alerts",
  notifications: "counts alerts for whoever asked",
};
const DEEDS = { backup: "Backup", restore: "Restore", rebuild: "Rebuild", trim: "Trimming", heartbeat: "Heartbeat" };

const clock = new ServerClock();
const frame = new Frame(clock);
let heardAt = -Infinity;
let heardMs = clock.now();
let why = "connecting";

async function ask() {
  try {
    const status = await read("/api/v1/status");
    clock.set(status);
    heardAt = performance.now();
    heardMs = status.now_ms;
    show(status);
    await refreshModels();
  } catch (error) {
    why = error.message ?? "the server does not answer";
  }
}

function show(status) {
  document.querySelector("#empty").hidden = true;
  showVerdict(status);
  arrange(document.querySelector("#path"), cards(status));
  arrange(document.querySelector("#facts"), facts(status));
  showLag(status);
}

function showVerdict(status) {
  const node = document.querySelector("#verdict");
  node.hidden = false;
  node.classList.toggle("is-broken", !status.whole);
  const named = Object.keys(status.faults).length;
  setText(node.querySelector("h2"), status.whole ? "Every stage moves" : `${named} of the path ${named === 1 ? "is" : "are"} not as it should be`);
  const lines = status.whole
    ? [el("li", {}, `Last heartbeat ${duration(status.now_ms - status.deeds.heartbeat.at_ms)} ago: from MQTT through the log to scores, alerts and their delivery.`)]
    : Object.entries(status.faults).map(([name, fault]) => el("li", {}, el("strong", {}, NAMES[name] ?? name), `: ${fault}`));
  node.querySelector("ul").replaceChildren(...lines);
}

function cards(status) {
  const flow = status.flow;
  const beat = status.deeds.heartbeat;
  const held = status.log?.topics.reduce((sum, topic) => sum + topic.records, 0);
  const ingestS = beat?.detail.stages?.ingest;
  const rates = { recorder: flow?.stored_per_s, stream: flow?.assessed_per_s };
  return [
    card("ingest", perSecond(flow?.accepted_per_s), "readings accepted", ingestS === undefined ? "no probe yet" : `probe came back within ${whole(ingestS)} s`, status.faults.heartbeat && ingestS === undefined ? "unknown" : "moves", false),
    card("log", held === undefined ? "–" : whole(held), "records held", status.log?.begins_at_ms ? `since about ${moment(status.log.begins_at_ms, status.now_ms)}` : "", status.log ? "answers" : "does not answer", !status.log, "Log"),
    ...status.stages.map((stage) =>
      card(
        stage.name,
        stage.name in rates ? perSecond(rates[stage.name]) : whole(stage.behind_records),
        stage.name in rates ? (stage.name === "stream" ? "readings scored" : "readings stored") : "records behind",
        stage.fault ?? `${WORK[stage.name] ?? ""}${stage.name in rates ? `; ${whole(stage.behind_records)} behind` : ""}`,
        stage.fault ? "stands still" : "moves",
        Boolean(stage.fault),
      ),
    ),
    card("dashboard", whole(status.feed.browsers), status.feed.browsers === 1 ? "page open" : "pages open", status.feed.why_not_live ?? `${whole(status.feed.patients)} patients, ${whole(status.feed.behind_records ?? 0)} records behind`, status.feed.live ? "live" : "not live", !status.feed.live),
  ];
}

function card(name, figure, unit, note, state, isStanding, title) {
  return el(
    "li",
    { className: isStanding ? "is-standing" : "", "data-stage": name },
    el("h3", {}, title ?? NAMES[name] ?? name, el("span", { className: "state" }, state)),
    el("p", { className: "figure" }, figure, " ", el("small", {}, unit)),
    el("p", { className: "note" }, note),
  );
}

function facts(status) {
  const versions = status.versions;
  const database = status.database;
  const pipelines = Object.entries(versions.pipelines);
  return [
    fact("Last done", Object.entries(DEEDS).map(([name, title]) => [title, status.deeds[name] ? `${duration(status.now_ms - status.deeds[name].at_ms)} ago` : name === "backup" ? "never: make one" : "never"])),
    fact("Database", database === null ? [["State", "does not answer"]] : [["Kind", database.kind === "sqlite" ? "SQLite" : "PostgreSQL"], ["Size", bytes(database.size_bytes)], ["Schema", database.schema_revision ?? "none"], ...ledger(status.ledger)]),
    fact("Escalation", escalation(status.escalation)),
    fact("Log", status.log === null ? [["State", "does not answer"]] : status.log.topics.map((topic) => [topic.topic, `${whole(topic.records)} held${topic.trimmed ? `, ${whole(topic.trimmed)} trimmed` : ""}`])),
    fact("Versions", [["Wardlight", versions.program], ["Schema wanted", versions.schema_expected], ["Python", versions.python], ["River", versions.river], ...pipelines.map(([name, patients]) => ["Models", `${whole(patients)} patients on ${name}`])]),
  ];
}

function ledger(found) {
  if (found === null) return [["Ledger", "not known"]];
  if (found.balanced) return [["Ledger", "balances"]];
  return Object.entries(found.imbalances).map(([kind, readings]) => [`Ledger: ${kind}`, `${whole(readings)} readings`]);
}

function escalation(found) {
  if (found === null) return [["State", "not known"]];
  const reach = found.anybody_reachable ? "people can be reached" : "nobody, but by the screens";
  return [["Reaches", reach], ["Told nobody", found.told_nobody_24h === 0 ? "no step in 24 h" : `${whole(found.told_nobody_24h)} steps in 24 h`]];
}

function fact(title, rows) {
  return el("section", { className: "fact" }, el("h3", {}, title), el("dl", {}, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])));
}

function showLag(status) {
  const numbers = [...Array(status.log?.partitions ?? 0).keys()];
  const head = el("tr", {}, el("th", { scope: "col" }, "Group / topic"), ...numbers.map((number) => el("th", { scope: "col" }, String(number))));
  const rows = status.stages.flatMap((stage) => {
    const claims = el("tr", {}, el("th", { scope: "row" }, `${stage.name} · claimed`), ...numbers.map((number) => el("td", {}, stage.claims[number] === undefined ? "–" : `${whole(stage.claims[number])}×`)));
    const topics = [...new Set(stage.partitions.map((place) => place.topic))];
    return [claims, ...topics.map((topic) => {
      const places = new Map(stage.partitions.filter((place) => place.topic === topic).map((place) => [place.partition, place]));
      return el("tr", {}, el("th", { scope: "row" }, `${stage.name} / ${topic}`), ...numbers.map((number) => el("td", {}, places.has(number) ? whole(places.get(number).behind_records) : "–")));
    })];
  });
  document.querySelector("#lag thead").replaceChildren(head);
  document.querySelector("#lag tbody").replaceChildren(...rows);
}

function perSecond(rate) {
  return rate === undefined || rate === null ? "–" : `${rate < 10 ? rate.toFixed(1) : whole(rate)}/s`;
}

function whole(number) {
  return Math.round(number).toLocaleString("en-GB");
}

function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(count, 1)) / 3));
  return `${(count / 1000 ** step).toFixed(step ? 1 : 0)} ${units[step]}`;
}

function tick() {
  const live = performance.now() - heardAt < STALE_MS;
  frame.show({ live, sinceMs: heardMs, why });
  frame.tick();
}

setInterval(ask, ASK_MS);
setInterval(tick, 1000);
ask().then(tick);
