/** What every page has around it: server time, connection state, the banner, and a switch that trips if scripts stop. */

import { el, setAttribute, setText } from "./dom.js";
import { clockTime, duration } from "./format.js";

export class Frame {
  #clockNode = document.querySelector("#server-time");
  #stateNode = document.querySelector("#connection");
  #banner = document.querySelector("#not-live");
  #deadman = document.querySelector("#deadman");
  #turn = false;

  constructor(clock) {
    this.clock = clock;
    this.state = { live: false, sinceMs: clock.now(), why: "connecting" };
  }

  /** Show the connection's state; a page that is not live is dimmed as a whole. */
  show(state) {
    this.state = state;
    document.documentElement.classList.toggle("is-not-live", !state.live);
    setText(this.#stateNode, state.live ? "Live" : "Not live");
    setAttribute(this.#stateNode, "data-live", state.live);
    this.#banner.hidden = state.live;
    if (!state.live) {
      setText(this.#banner.querySelector("strong"), `Not live since ${clockTime(state.sinceMs)} — reconnecting`);
      setText(this.#banner.querySelector("span"), `Values below may be out of date. Reason: ${state.why.replace(/\.$/, "")}.`);
    }
  }

  /** Once a second: the time, and a new lease for the switch that CSS trips when scripts no longer run. */
  tick() {
    setText(this.#clockNode, clockTime(this.clock.now()));
    this.#turn = !this.#turn;
    this.#deadman.className = this.#turn ? "deadman lease-a" : "deadman lease-b";
  }
}

/** A short message at the lower edge; errors stay until dismissed. */
export function toast(message, { error = false } = {}) {
  const place = document.querySelector("#toasts");
  const close = el("button", { type: "button", className: "quiet", "aria-label": "Dismiss" }, "✕");
  const node = el("div", { className: error ? "toast is-error" : "toast", role: error ? "alert" : "status" }, message, close);
  close.addEventListener("click", () => node.remove());
  place.append(node);
  while (place.children.length > 4) place.firstElementChild.remove();
  if (!error) setTimeout(() => node.remove(), 4000);
}

/** "4 s ago", or how long there has been nothing. */
export function ageText(ageMs) {
  return `${duration(ageMs)} ago`;
}
