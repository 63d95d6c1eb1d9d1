/** Which version of the risk model scores: one line of the status page; the rest stands on the page Reliability. */

import { read } from "./api.js";
import { setText } from "./dom.js";

const ASK_MS = 30_000;
let askedAt = -Infinity;

/** Ask again where it is time; a failure leaves what stands, since the page itself says that it is not live. */
export async function refreshModels() {
  if (performance.now() - askedAt < ASK_MS) return;
  askedAt = performance.now();
  try {
    const { in_force: number } = await read("/api/v1/models?limit=1");
    document.querySelector("#models").hidden = false;
    setText(document.querySelector("#models-now"), number === 0 ? "what Wardlight came with scores" : `version ${number} scores`);
  } catch {
    askedAt = -Infinity;
  }
}
