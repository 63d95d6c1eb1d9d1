/** Alerts about Wardlight itself, on every board: while one is open, what the page says of patients may not be relied on. */

import { priorityShape } from "./alerts.js";
import { inHands } from "./alert-words.js";
import { may, me } from "./api.js";
import { el } from "./dom.js";
import { clockTime } from "./format.js";

const UNRELIABLE = new Set(["worker-down", "backlog-growing"]);

export class SystemBanner {
  #node = el("div", { className: "system-banner", role: "alert", hidden: true });
  #key = "";
  #who = null;

  constructor(acknowledger) {
    this.acknowledger = acknowledger;
    this.alerts = [];
    document.querySelector("header.top").after(this.#node);
    me().then((who) => {
      this.#who = who;
      this.render();
    }).catch(() => {});
  }

  take(system) {
    this.alerts = system.alerts;
    this.acknowledger.arrived([...system.alerts, ...system.recent]);
    this.render();
  }

  render() {
    const key = JSON.stringify([this.alerts, this.#who?.permissions, this.alerts.map((alert) => this.acknowledger.isWaiting(alert.episode_id))]);
    if (key === this.#key) return;
    this.#key = key;
    this.#node.hidden = this.alerts.length === 0;
    this.#node.replaceChildren(...this.alerts.map((alert) => this.#line(alert)));
  }

  #line(alert) {
    const lead = UNRELIABLE.has(alert.kind) ? "Alarms cannot be relied on:" : "Wardlight needs help:";
    const line = el(
      "p", { className: `system-alert is-${alert.priority} ${alert.acknowledged ? "is-acknowledged" : "is-open"}` },
      priorityShape(alert.priority),
      el("span", { className: "system-said" }, el("strong", {}, lead), ` ${alert.text} `, el("small", {}, `since ${clockTime(alert.onset_ms)}${alert.acknowledged ? ` · ✓ ${inHands(alert)}` : ""}`)),
    );
    if (this.#who && may(this.#who, "acknowledge")) {
      const waiting = this.acknowledger.isWaiting(alert.episode_id);
      const button = el("button", { type: "button", disabled: waiting, "aria-label": `Acknowledge or end: ${alert.text}` }, waiting ? "…" : alert.acknowledged ? "More" : "Ack");
      button.addEventListener("click", () => this.acknowledger.ask(alert));
      line.append(button);
    }
    return line;
  }
}
