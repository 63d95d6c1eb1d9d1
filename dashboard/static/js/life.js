/** One alert's whole life as a timeline: its steps, who was paged and told, and what people said of it. */

import { STEP_NAMES, feedbackName, hourMinute, inHands, isOpen, quietText, reasonText } from "./alert-words.js";
import { may, read } from "./api.js";
import { el } from "./dom.js";
import { PRIORITY_NAMES, SIGNS, formatValue } from "./format.js";

const when = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DELIVERY_WORDS = { queued: "waits to be sent", sent: "sent", delivered: "delivered", seen: "seen", failed: "attempt failed", expired: "given up" };

const SINCE = { first: "At once", not_delivered: "Since nobody could be reached", not_seen: "Since nobody had seen it", not_acknowledged: "Since nobody had it in hand" };
const UNLESS = { first: "To:", not_delivered: "Unless somebody was reached, to:", not_seen: "Unless somebody has seen it, to:", not_acknowledged: "Unless somebody has it in hand, to:" };

/** Draw it into `place`; what the server does not tell yet of paging and deliveries is left out. */
export async function drawLife(place, episode, { acknowledger, who }) {
  if (!place.children.length) place.replaceChildren(el("p", { className: "said" }, "Asking…"));
  const address = `/api/v1/alerts/${encodeURIComponent(episode.episode_id)}`;
  let told;
  try {
    told = await read(`${address}/timeline`);
  } catch (error) {
    place.replaceChildren(el("p", { className: "said" }, error.message));
    return;
  }
  const [escalation, deliveries, names] = await Promise.all([read(`${address}/escalation`).catch(() => null), read(`/api/v1/deliveries?episode=${encodeURIComponent(episode.episode_id)}`).catch(() => null), destinationNames()]);
  const moments = [...told.steps.map((step) => ofStep(step, told.episode)), ...told.labels.map(ofLabel), ...ofEscalation(escalation), ...ofDeliveries(deliveries, names)];
  moments.sort((a, b) => a.at - b.at);
  place.replaceChildren(facts(told.episode), el("ol", { className: "timeline" }, ...moments.map(drawn)), actions(told.episode, { acknowledger, who, again: () => setTimeout(() => drawLife(place, episode, { acknowledger, who }), 1200) }));
}

function drawn({ at, tone, title, said }) {
  return el("li", { className: `moment is-${tone}` }, el("time", {}, when.format(at)), el("div", {}, el("b", {}, title), ...said.filter(Boolean).map((text) => el("p", {}, text))));
}

function facts(episode) {
  const parts = [`Onset ${when.format(episode.onset_ms)}`];
  if (episode.sign && episode.limit !== null) parts.push(`limit ${formatValue(episode.sign, episode.limit)} ${SIGNS[episode.sign]?.unit ?? ""}`.trim());
  if (episode.rules_version) parts.push(`rules ${episode.rules_version.slice(0, 10)}`);
  if (episode.origin !== "real") parts.push(episode.origin === "demo" ? "simulated" : "replayed");
  parts.push(`id ${episode.episode_id}`);
  return el("p", { className: "life-facts" }, parts.join(" · "));
}

function ofStep(step, episode) {
  const said = [];
  const value = step.value !== null && episode.sign ? `${formatValue(episode.sign, step.value)} ${SIGNS[episode.sign]?.unit ?? ""}`.trim() : null;
  const limit = step.limit !== null && episode.sign ? `limit ${formatValue(episode.sign, step.limit)}` : null;
  if (["raised", "escalated", "realarmed", "latched", "resolved", "retracted", "found", "unsuppressed"].includes(step.transition)) said.push([step.text, [value, limit].filter(Boolean).join(", ")].filter(Boolean).join(" — "));
  if (step.transition === "suppressed" && step.suppression) said.push(quietText(step.suppression));
  if (step.transition === "moved") said.push(`From ${step.from_ward_id ?? "?"} to ${step.ward_id}`);
  if (step.until_ms) said.push(`Until ${hourMinute(step.until_ms)}`);
  if (step.note) said.push(`“${step.note}”`);
  if (step.suppression && step.transition === "raised") said.push(quietText(step.suppression));
  const by = step.by ? ` by ${step.by}` : "";
  const level = ["raised", "escalated", "realarmed"].includes(step.transition) ? ` · ${PRIORITY_NAMES[step.priority]}` : "";
  const again = step.transition === "realarmed" ? ` (${step.round + 1}×)` : "";
  const why = step.transition === "acknowledged" || step.reason === "person" ? "" : `: ${reasonText(step.reason)}`;
  return { at: step.heard_ms ?? step.at_ms, tone: toneOf(step), title: `${STEP_NAMES[step.transition] ?? step.transition}${again}${by}${level}${why}`, said };
}

function toneOf(step) {
  if (["raised", "escalated", "realarmed", "unsuppressed"].includes(step.transition) && !step.suppression) return step.priority;
  return step.transition === "acknowledged" ? "person" : "quiet";
}

function ofLabel(label) {
  return { at: label.at_ms, tone: "person", title: `${label.by}: ${feedbackName(label.feedback)}`, said: [label.note ? `“${label.note}”` : null] };
}

/** Steps of the ladder with whom each told, sightings, and the step to come. */
function ofEscalation(found) {
  if (found === null) return [];
  const taken = found.steps.map((step) => ({
    at: step.at_ms,
    tone: step.reached === "nobody" ? "failed" : "told",
    title: `Ladder, step ${step.step}${step.round > 1 ? ` of round ${step.round}` : ""}: ${step.told.map((one) => `${one.name || one.to} (${one.seen_at_ms ? "seen" : one.state})`).join(", ") || (step.reached === "nobody" ? "nobody could be told" : "the ward’s screens")}`,
    said: [SINCE[step.evidence] ?? step.evidence, ...step.missing.map((one) => `Not reached: ${one.name || one.to} (${one.why.replaceAll("_", " ")})`)],
  }));
  const seen = found.seen.map((one) => ({ at: one.first_at_ms, tone: "person", title: `Seen by ${one.name}`, said: ["On a page that was in use; seen is not acknowledged."] }));
  const next = found.next ? [{ at: found.next.at_ms, tone: "quiet", title: `To come: ladder, step ${found.next.step}`, said: [`${UNLESS[found.next.evidence] ?? ""} ${found.next.to.map((to) => to.replace(":", " ").replaceAll("_", " ")).join(", ")}`.trim()] }] : [];
  return [...taken, ...seen, ...next];
}

/** Every receipt of every delivery of the alert, under the name of where it went. */
function ofDeliveries(found, names) {
  return (found ?? []).flatMap((delivery) =>
    delivery.receipts.map((receipt) => ({
      at: receipt.at_ms,
      tone: receipt.state === "failed" || receipt.state === "expired" ? "failed" : "told",
      title: `${names.get(delivery.destination_id) ?? `Destination ${delivery.destination_id.slice(0, 8)}`}: ${DELIVERY_WORDS[receipt.state] ?? receipt.state}${receipt.by ? ` by ${receipt.by}` : ""}`,
      said: [[receipt.code?.replaceAll("_", " "), receipt.detail, receipt.attempt > 1 ? `attempt ${receipt.attempt}` : null].filter(Boolean).join(" · ")],
    })),
  );
}

async function destinationNames() {
  const found = await read("/api/v1/destinations").catch(() => []);
  return new Map(found.map((one) => [one.destination_id, one.name || one.channel]));
}

function actions(episode, { acknowledger, who, again }) {
  const row = el("p", { className: "life-actions" });
  const isSystem = episode.ward_id === "system";
  if (who && may(who, "acknowledge", isSystem ? undefined : episode.ward_id)) {
    const open = isOpen(episode);
    const button = el("button", { type: "button" }, open ? "Acknowledge…" : "Say what it was worth…");
    button.addEventListener("click", () => {
      acknowledger.ask(episode);
      document.querySelector("dialog.alert-dialog[open]")?.addEventListener("close", again, { once: true });
    });
    row.append(button);
  }
  if (!isSystem) row.append(el("a", { className: "button", href: `/patients/${encodeURIComponent(episode.patient_id)}` }, "The patient’s page"));
  if (isOpen(episode) && episode.acknowledged) row.append(el("span", { className: "said" }, `In hand: ${inHands(episode)}`));
  return row;
}
