/** The live connection: server-sent events, the server's clock, and an honest answer to "is this live?". */

const SILENCE_MS = 7000; // the server speaks every 2 s
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 4000;

/** The server's time, carried on between its messages. */
export class ServerClock {
  #nowMs = Date.now();
  #speed = 1;
  #at = performance.now();

  set(event) {
    this.#nowMs = event.now_ms;
    this.#speed = event.speed;
    this.#at = performance.now();
  }

  now() {
    return this.#nowMs + (performance.now() - this.#at) * this.#speed;
  }
}

/** Follows one stream, reconnects by itself, and tells `onState` whenever live turns to not live or back. */
export class LiveStream {
  #source = null;
  #heardAt = 0;
  #heardDate = 0;
  #retryMs = RETRY_FIRST_MS;
  #retryTimer = null;
  #wasLive = null;
  #serverLive = false;
  #connected = false;
  #why = "connecting";
  #sinceMs;
  #url;
  #handlers;

  constructor(url, clock, handlers) {
    this.#url = url;
    this.clock = clock;
    this.#handlers = handlers;
    this.#sinceMs = clock.now();
    this.#open();
    this.#watch = setInterval(() => this.#check(), 1000);
    document.addEventListener("visibilitychange", this.#onVisible);
    window.addEventListener("online", this.#onVisible);
  }

  #watch;
  #onVisible = () => this.#check();

  close() {
    clearInterval(this.#watch);
    clearTimeout(this.#retryTimer);
    document.removeEventListener("visibilitychange", this.#onVisible);
    window.removeEventListener("online", this.#onVisible);
    this.#source?.close();
  }

  get isLive() {
    return this.#connected && this.#serverLive && !this.#isSilent();
  }

  /** {live, sinceMs, why}: since when not live, in server time. */
  get state() {
    return { live: this.isLive, sinceMs: this.#sinceMs, why: this.#why };
  }

  #open() {
    this.#source?.close();
    const source = new EventSource(this.#url);
    this.#source = source;
    this.#heard();
    source.onerror = () => this.#lost("the server does not answer");
    source.addEventListener("snapshot", (event) => {
      const data = this.#read(event);
      this.#connected = true;
      this.#retryMs = RETRY_FIRST_MS;
      this.#take(data.clock);
      this.#handlers.snapshot(data);
    });
    source.addEventListener("clock", (event) => this.#take(this.#read(event)));
    for (const name of ["tile", "patient", "gone", "system"]) {
      source.addEventListener(name, (event) => this.#handlers[name]?.(this.#read(event)));
    }
  }

  #read(event) {
    this.#heard();
    return JSON.parse(event.data);
  }

  #heard() {
    this.#heardAt = performance.now();
    this.#heardDate = Date.now();
  }

  #isSilent() {
    return Math.max(performance.now() - this.#heardAt, Date.now() - this.#heardDate) > SILENCE_MS;
  }

  #take(event) {
    this.clock.set(event);
    this.#serverLive = event.live;
    if (!event.live) {
      this.#why = event.why_not_live ?? "the server has lost its source";
      if (event.not_live_since_ms !== null) this.#sinceMs = event.not_live_since_ms;
    }
    this.#tell();
  }

  #lost(why) {
    if (this.#wasLive) this.#sinceMs = this.clock.now();
    this.#connected = false;
    this.#why = why;
    this.#source?.close();
    this.#source = null;
    this.#tell();
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#open(), this.#retryMs);
    this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2);
  }

  #check() {
    if (this.#source !== null && this.#isSilent()) this.#lost("nothing has been heard from the server");
    this.#tell();
  }

  #tell() {
    const live = this.isLive;
    if (this.#wasLive && !live && this.#connected && this.#serverLive) this.#sinceMs = this.clock.now();
    this.#wasLive = live;
    this.#handlers.state(this.state);
  }
}
