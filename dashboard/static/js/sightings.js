/**
 * Tells the server that somebody has seen an alert: once per alert, person and time it is told.
 *
 * Only what stands in view of a page that somebody has used within the last two minutes counts: a board on a wall that
 * nobody stands before has shown an alert and nobody has seen it, and whoever is told next must not wait for it.
 */

import { me, send } from "./api.js";

const USED_MS = 120_000;
const KEPT = 2000;
const AT_ONCE = 4;
const RETRY_MS = 10_000;

export class Sightings {
  #told = new Set();
  #waiting = [];
  #sending = 0;
  #usedAt = -Infinity;
  #person = null;
  #isOff = false;

  constructor() {
    for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) window.addEventListener(kind, () => (this.#usedAt = performance.now()), { passive: true });
    me().then((who) => (this.#person = who.guest ? null : who.person_id)).catch(() => {});
  }

  /** These alerts are drawn, each in its node. */
  show(drawn) {
    if (this.#isOff || this.#person === null || document.visibilityState !== "visible" || performance.now() - this.#usedAt > USED_MS) return;
    if (document.documentElement.classList.contains("is-locked")) return;
    for (const [episode, node] of drawn) {
      if (episode.acknowledged || episode.suppression || !isInView(node)) continue;
      const key = `${episode.episode_id}/${episode.priority}/${episode.round}`;
      if (this.#told.has(key)) continue;
      this.#told.add(key);
      if (this.#told.size > KEPT) this.#told.delete(this.#told.values().next().value);
      this.#waiting.push([key, episode]);
    }
    this.#next();
  }

  #next() {
    while (this.#sending < AT_ONCE && this.#waiting.length) {
      const [key, episode] = this.#waiting.shift();
      this.#sending += 1;
      send(`/api/v1/alerts/${encodeURIComponent(episode.episode_id)}/seen`)
        .catch((error) => {
          if (error.status === 403) this.#isOff = true;
          setTimeout(() => this.#told.delete(key), RETRY_MS);
        })
        .finally(() => {
          this.#sending -= 1;
          this.#next();
        });
    }
  }
}

function isInView(node) {
  const box = node.getBoundingClientRect();
  return box.height > 0 && box.bottom > 0 && box.top < window.innerHeight;
}
