/**
 * What stood in one assessment and should be read for a day: the resting heart rate of the night, and signs whose usual
 * was learned anew. Asked of the history, since the assessment that says it passes within a second.
 */

import { read } from "./api.js";
import { setText } from "./dom.js";
import { formatValue, labelOf, moment } from "./format.js";

const SHOWN_MS = 86_400_000;
const ASK_MS = 600_000;
const OVERLAP_MS = 1_800_000;
const MARKS_MAX = 100;
const byDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const find = (selector) => document.querySelector(selector);

export class Marks {
  #patientId;
  #found = new Map();
  #askedFor = null;
  #askedAt = -Infinity;
  #busy = false;

  constructor({ patientId }) {
    this.#patientId = patientId;
  }

  /** Signs learned anew, as marks of the course: [{at_ms, sign}]. */
  get relearned() {
    return [...this.#found.values()].flatMap((assessed) => assessed.relearned.map((sign) => ({ at_ms: assessed.measured_at_ms, sign })));
  }

  /** Ask where it is time; a failure leaves what is known and is tried again. `dataNowMs` is the data's own time. */
  async refresh(dataNowMs, live) {
    if (live?.night || live?.relearned.length) this.#found.set(live.reading_id, live);
    if (this.#busy || performance.now() - this.#askedAt < ASK_MS) return;
    this.#busy = true;
    this.#askedAt = performance.now();
    const from = Math.floor(Math.max(dataNowMs - SHOWN_MS, (this.#askedFor ?? 0) - OVERLAP_MS));
    const query = new URLSearchParams({ from: String(from), to: String(Math.ceil(dataNowMs)), marked: "true", limit: String(MARKS_MAX) });
    try {
      for (const assessed of await read(`/api/v1/patients/${encodeURIComponent(this.#patientId)}/assessments?${query}`)) this.#found.set(assessed.reading_id, assessed);
      this.#askedFor = dataNowMs;
    } catch {
      this.#askedAt = performance.now() - ASK_MS + 15_000;
    } finally {
      this.#busy = false;
    }
  }

  /** The two lines under the pattern; each absent where there is nothing to say. */
  show(dataNowMs) {
    for (const [key, assessed] of this.#found) if (assessed.measured_at_ms < dataNowMs - SHOWN_MS) this.#found.delete(key);
    const known = [...this.#found.values()].sort((a, b) => b.measured_at_ms - a.measured_at_ms);
    const night = known.find((assessed) => assessed.night)?.night;
    line("#night", night ? nightSentence(night) : "", Boolean(night?.stands_out));
    const anew = known.filter((assessed) => assessed.relearned.length);
    line("#relearned", anew.map((assessed) => relearnedSentence(assessed, dataNowMs)).join(" "), false);
  }
}

function line(place, text, strong) {
  const node = find(place);
  node.hidden = text === "";
  node.classList.toggle("is-strong", strong);
  setText(node, text);
}

/** "Resting heart rate of the night to 21 Nov: 74 /min, 9 above usual, and high the night before as well: it stands out, …". */
export function nightSentence(night) {
  const resting = Math.round(night.resting_bpm);
  const said = `Resting heart rate of the night to ${byDay.format(night.day * 86_400_000)}: ${resting} /min`;
  if (night.usual_bpm === null) return `${said}; what is usual is known after a week of nights.`;
  const usual = Math.round(night.usual_bpm);
  const away = resting - usual;
  const beside = away === 0 ? "as usual" : `${Math.abs(away)} ${away < 0 ? "below" : "above"} the usual ${usual}`;
  return night.stands_out ? `${said}, ${beside}, and high the night before as well. It stands out: an infection may be on its way.` : `${said}, ${beside}.`;
}

function relearnedSentence(assessed, nowMs) {
  const names = assessed.relearned.map((sign) => withUsual(assessed, sign)).join(" and ");
  return `${moment(assessed.measured_at_ms, nowMs).slice(0, -3)}: usual learned anew for ${names}, after a day or two elsewhere.`;
}

function withUsual(assessed, sign) {
  const usual = assessed.drivers.find((driver) => driver.sign === sign)?.usual ?? null;
  return usual === null ? labelOf(sign).toLowerCase() : `${labelOf(sign).toLowerCase()} (now ${formatValue(sign, usual)})`;
}
