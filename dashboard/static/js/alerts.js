/** Alerts on screen: priority by colour, shape and word; acknowledged apart from active; announcements; counts. */

import { send } from "./api.js";
import { inHands, isOpen } from "./alert-words.js";
import { AlertDialog } from "./alert-dialog.js";
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

/** A bell that is struck out: told to nobody. */
export function quietShape() {
  return svg(
    "svg", { viewBox: "0 0 16 16", class: "shape is-quiet", "aria-hidden": "true" },
    svg("path", { d: "M3.4 11.6c1-1 1.3-2 1.3-4.2C4.7 5.2 6 3.7 8 3.7s3.3 1.5 3.3 3.7c0 2.2.3 3.2 1.3 4.2ZM6.7 13.3c.5.8 2.1.8 2.6 0M2 14.2 14 2", class: "shape-line" }),
  );
}

/** "acknowledged by Kim 12:03:11", or that nobody has. */
export function acknowledgement(episode) {
  if (!episode.acknowledged) return "not acknowledged";
  if (isOpen(episode) && episode.acknowledgements?.length) return `acknowledged by ${inHands(episode)}`;
  const by = episode.acknowledged_by ? ` by ${episode.acknowledged_by}` : "";
  return `acknowledged${by}${episode.acknowledged_at_ms ? ` ${clockTime(episode.acknowledged_at_ms)}` : ""}`;
}

/** Flash in step with every other alert on the page. */
export function keepPhase(node) {
  node.style.setProperty("--phase", `${-(performance.now() % 5000)}ms`);
}

/** Counts by priority in the header, those that are quiet apart, and the page's title. */
export class AlertCounts {
  #place = document.querySelector("#counts");
  #nodes = {};
  #quiet = el("b", {}, "0");
  #quietNode = el("li", { className: "count is-quiet", hidden: true }, quietShape(), this.#quiet, " quiet");

  constructor(title) {
    this.title = title;
    for (const priority of PRIORITIES) {
      const number = el("b", {}, "0");
      const node = el("li", { className: `count is-${priority}` }, priorityShape(priority), number, ` ${PRIORITY_NAMES[priority]}`);
      this.#nodes[priority] = { node, number };
      this.#place.append(node);
    }
    this.#place.append(this.#quietNode);
  }

  show(episodes) {
    const told = episodes.filter((episode) => !episode.suppression);
    let unseen = 0;
    for (const priority of PRIORITIES) {
      const those = told.filter((episode) => episode.priority === priority);
      const open = those.filter((episode) => !episode.acknowledged).length;
      const latched = those.filter((episode) => episode.latched).length;
      const { node, number } = this.#nodes[priority];
      setText(number, String(those.length));
      node.classList.toggle("is-none", those.length === 0);
      node.classList.toggle("is-seen", those.length > 0 && open === 0);
      node.title = `${those.length} open ${priority} priority alerts, ${open} not acknowledged${latched ? `, of which ${latched} have ended by themselves` : ""}`;
      if (priority === "high") unseen = open;
    }
    const quiet = episodes.length - told.length;
    this.#quietNode.hidden = quiet === 0;
    setText(this.#quiet, String(quiet));
    this.#quietNode.title = `${quiet} open alerts are told to nobody now: silenced, or another alert speaks for them`;
    const title = unseen ? `(${unseen}!) ${this.title}` : this.title;
    if (document.title !== title) document.title = title;
  }
}

/** Tells screen readers of new high and medium alerts, once each time they are told. */
export class Announcer {
  #known = null;

  hear(tiles) {
    const now = new Map();
    for (const tile of tiles) {
      for (const episode of tile.alerts) {
        if (episode.acknowledged || episode.suppression || episode.latched || episode.priority === "low") continue;
        const again = episode.round ? " again" : "";
        now.set(`${episode.episode_id}/${episode.round}/${episode.priority}`, `${PRIORITY_NAMES[episode.priority]} priority${again}, bed ${tile.bed}, ${tile.name}: ${episode.text}`);
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

/** Acting on alerts in the name of whoever is signed in: each order is waited for until the stream says it was carried out. */
export class Acknowledger {
  #waiting = new Map();
  #dialog = null;

  constructor(onChange) {
    this.onChange = onChange;
  }

  isWaiting(episodeId) {
    return this.#waiting.has(episodeId);
  }

  /** Ask for how long, and what one has to say; what is asked then is done. */
  ask(episode) {
    this.#dialog ??= new AlertDialog(this);
    this.#dialog.open(episode);
  }

  async acknowledge(episode, said = {}) {
    return this.#order(episode, "acknowledge", { command_id: crypto.randomUUID(), ...said }, "Not acknowledged");
  }

  async resolve(episode, said = {}) {
    return this.#order(episode, "resolve", { command_id: crypto.randomUUID(), ...said }, "Not ended");
  }

  /** Say whether it was worth it; resolves to whether that is on record. */
  async label(episode, said) {
    try {
      await send(`/api/v1/alerts/${encodeURIComponent(episode.episode_id)}/feedback`, { label_id: crypto.randomUUID(), ...said });
      toast("Thank you: put on record.");
      return true;
    } catch (error) {
      toast(`Not put on record: ${error.message}`, { error: true });
      return false;
    }
  }

  /** The server's word of how these alerts stand arrived. */
  arrived(episodes) {
    for (const episode of episodes) {
      if (this.#waiting.has(episode.episode_id) && this.#waiting.get(episode.episode_id) !== standing(episode)) this.#waiting.delete(episode.episode_id);
    }
  }

  async #order(episode, action, body, failed) {
    this.#waiting.set(episode.episode_id, standing(episode));
    this.onChange();
    try {
      await send(`/api/v1/alerts/${encodeURIComponent(episode.episode_id)}/${action}`, body);
      setTimeout(() => this.#settle(episode), 10_000);
      return true;
    } catch (error) {
      this.#waiting.delete(episode.episode_id);
      toast(`${failed}: ${error.message}`, { error: true });
      this.onChange();
      return false;
    }
  }

  #settle(episode) {
    if (!this.#waiting.delete(episode.episode_id)) return;
    toast(`Ordered, but not yet confirmed: ${episode.text}`, { error: true });
    this.onChange();
  }
}

/** What an order changes of an alert. */
function standing(episode) {
  return JSON.stringify([isOpen(episode), episode.acknowledged, episode.acknowledgements]);
}
