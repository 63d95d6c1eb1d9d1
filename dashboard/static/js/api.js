/** How pages ask the server: reading, changing (with the session's own token), and what to do when it says who goes there. */

let identity = null;
const listeners = new Set();

/** An answer that is not what was asked for; `status` says why. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.message ?? `The server answered ${status}.`);
    this.status = status;
    this.code = body?.code;
  }
}

/** Called with the status of every 401 and 423. */
export function onRefused(listener) {
  listeners.add(listener);
}

/** Who is signed in here (GET /api/v1/me), asked once; `again` asks anew. */
export function me({ again = false } = {}) {
  if (identity === null || again) {
    identity = read("/api/v1/me");
    identity.catch(() => (identity = null));
  }
  return identity;
}

/** The JSON at this address; throws Refused, or a TypeError where no server answers. */
export async function read(url) {
  return answered(await fetch(url));
}

/** Order something: POST with the session's token; throws Refused. */
export async function send(url, body = {}) {
  return change(url, "POST", JSON.stringify(body));
}

/** End something: DELETE with the session's token; throws Refused. */
export async function remove(url) {
  return change(url, "DELETE");
}

async function change(url, method, body) {
  const known = await me().catch(() => null);
  const headers = { "content-type": "application/json", ...(known?.csrf ? { "x-wardlight-csrf": known.csrf } : {}) };
  return answered(await fetch(url, { method, headers, body }));
}

/** Whether this person may, on this ward; on any ward without one. */
export function may(who, permission, ward) {
  const wards = who.permissions[permission];
  return wards !== undefined && (wards === null || (ward === undefined ? wards.length > 0 : wards.includes(ward)));
}

async function answered(answer) {
  const body = await answer.json().catch(() => null);
  if (answer.ok) return body;
  if (answer.status === 401 || answer.status === 423) for (const listener of listeners) listener(answer.status, body);
  throw new Refused(answer.status, body);
}
