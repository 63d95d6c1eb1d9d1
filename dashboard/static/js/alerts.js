/** Alerts on screen: priority by colour, shape and word; acknowledged apart from active; announcements; acknowledging. */

import { send } from "./api.js";
import { el, setText, svg } from "./dom.js";
import { PRIORITIES, PRIORITY_NAMES, clockTime } from "./format.js";
import { toast } from "./frame.js";

const SHAPES = {
  high: "M8 1.2 15.4 14.4H.6Z",
  medium: "M8 .8 15.2 8 8 15.2.8 8Z",
  low: "M8 1a7 7 0 1 0 0 14A7 7 0 1 0 8 1Z",
};

/** Triangle, diamond or circle with an exclamation mark. */
export function priorityShape(priority) {
  return svg(
    "svg", { viewBox: "0 0 16 16", class: `shape is-${priority}`, "aria-hidden": "true" },
    svg("path", { d: SHAPES[priority], class: "shape-body" }),
    svg("path", { d: priority === "high" ? "M8 5.6v4.2M8 12v.9" : "M8 4.3v4.6M8 11v.9", class: "shape-mark" }),
  );
}

/** "acknowledged by Kim 12:03:11", or that nobody has. */
export function acknowledgement(episode) {
  if (!episode.acknowledged) return "not acknowledged";
  const by = episode.acknowledged_by ? ` by ${episode.acknowledged_by}` : "";
  return `acknowledged${by}${episode.acknowledged_at_ms ? ` ${clockTime(episode.acknowledged_at_ms)}` : ""}`;
}

/** Flash in step with every other alert on the page. */
export function keepPhase(node) {
  node.style.setProperty("--phase", `${-(performance.now() % 5000)}ms`);
}

/** Counts by priority in the header, and the page's title. */
export class AlertCounts {
  #place = document.querySelector("#counts");
  #nodes = {};

  constructor(title) {
    this.title = title;
    for (const priority of PRIORITIES) {
      const number = el("b", {}, "0");
      const node = el("li", { className: `count is-${priority}` }, priorityShape(priority), number, ` ${PRIORITY_NAMES[priority]}`);
      this.#nodes[priority] = { node, number };
      this.#place.append(node);
    }
  }

  show(episodes) {
    let unseen = 0;
    for (const priority of PRIORITIES) {
      const those = episodes.filter((episode) => episode.priority === priority);
      const open = those.filter((episode) => !episode.acknowledged).length;
      const { node, number } = this.#nodes[priority];
      setText(number, String(those.length));
      node.classList.toggle("is-none", those.length === 0);
      node.classList.toggle("is-seen", those.length > 0 && open === 0);
      node.title = `${those.length} active ${priority} priority alerts, ${open} not acknowledged`;
      if (priority === "high") unseen = open;
    }
    const title = unseen ? `(${unseen}!) ${this.title}` : this.title;
    if (document.title !== title) document.title = title;
  }
}

/** Tells screen readers of new high and medium alerts, once each. */
export class Announcer {
  #known = null;

  hear(tiles) {
    const now = new Map();
    for (const tile of tiles) {
      for (const episode of tile.alerts) {
        if (episode.acknowledged || episode.priority === "low") continue;
        now.set(`${episode.episode_id}/${episode.priority}`, `${PRIORITY_NAMES[episode.priority]} priority, bed ${tile.bed}, ${tile.name}: ${episode.text}`);
      }
    }
    if (this.#known !== null) {
      const fresh = [...now].filter(([key]) => !this.#known.has(key));
      for (const urgency of ["high", "medium"]) {
        const texts = fresh.filter(([key]) => key.endsWith(`/${urgency}`)).map(([, text]) => text);
        const place = document.querySelector(urgency === "high" ? "#say-now" : "#say-later");
        if (texts.length) place.textContent = texts.join(". ");
      }
    }
    this.#known = new Map(now);
  }
}

/** Acknowledging in the name of whoever is signed in. */
export class Acknowledger {
  #waiting = new Set();

  constructor(onChange) {
    this.onChange = onChange;
  }

  isWaiting(episodeId) {
    return this.#waiting.has(episodeId);
  }

  async acknowledge(episode) {
    this.#waiting.add(episode.episode_id);
    this.onChange();
    try {
      await send(`/api/v1/alerts/${encodeURIComponent(episode.episode_id)}/acknowledge`, { command_id: crypto.randomUUID() });
      setTimeout(() => this.#settle(episode), 10_000);
    } catch (error) {
      this.#waiting.delete(episode.episode_id);
      toast(`Not acknowledged: ${error.message}`, { error: true });
      this.onChange();
    }
  }

  /** The server's word that it is acknowledged, or has ended, arrived. */
  arrived(episodes) {
    for (const episode of episodes) if (episode.acknowledged) this.#waiting.delete(episode.episode_id);
  }

  #settle(episode) {
    if (!this.#waiting.delete(episode.episode_id)) return;
    toast(`Ordered, but not yet confirmed: ${episode.text}`, { error: true });
    this.onChange();
  }
}
