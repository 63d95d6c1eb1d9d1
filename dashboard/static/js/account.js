/**
 * What every page has of its reader: links to the pages they may see, their menu, the lock after a time without input,
 * and the end of the session. Include it as a module; it finds `header.top` by itself.
 *
 * The lock never hides an alarm: tiles and alerts go on live, and nothing but the password field takes clicks.
 */

import { Refused, may, me, onRefused, read, send } from "./api.js";
import { el, setText } from "./dom.js";
import { clockTime } from "./format.js";
import { toast } from "./frame.js";

const PAGES = [
  ["/", "Ward", ["see_ward"]],
  ["/alerts", "Alerts", ["see_ward"]],
  ["/registry", "Registry", ["admit", "manage_devices"]],
  ["/ledger", "Ledger", ["see_ledger"]],
  ["/audit", "Audit", ["see_audit"]],
  ["/status", "Status", ["see_status"]],
  ["/reliability", "Reliability", ["see_status"]],
  ["/people", "People", ["manage_people"]],
];
const LOOK_MS = 15_000;
const TOLD_AT_MOST_EVERY_MS = 20_000;
const ENDING_MS = 30 * 60_000;

const root = document.documentElement;
const header = document.querySelector("header.top");
let who = null;
let locked = false;
let inputAt = performance.now();
let toldAt = -Infinity;
let lookedAt = 0;
let lockBar = null;

async function start() {
  try {
    show(await me());
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return signedOut();
    return void setTimeout(start, 3000);
  }
  setInterval(look, LOOK_MS);
  setInterval(lockWhenIdle, 1000);
  for (const kind of ["pointerdown", "keydown", "wheel", "touchstart"]) window.addEventListener(kind, noteInput, { passive: true });
  for (const kind of ["click", "auxclick", "submit", "keydown"]) document.addEventListener(kind, holdBack, { capture: true });
}

/** Ask again who is here: a lock, an end or other rights show within seconds. */
async function look() {
  lookedAt = performance.now();
  try {
    const now = await me({ again: true });
    who = now;
    if (now.locked !== locked) setLocked(now.locked);
    warnOfEnd(now);
  } catch (error) {
    if (error instanceof Refused && error.status === 401) signedOut();
  }
}

function show(now) {
  who = now;
  const here = location.pathname;
  const links = () =>
    PAGES.filter(([, , any]) => any.some((permission) => may(now, permission))).map(([path, name]) =>
      el("a", { href: path, ...(path === here ? { "aria-current": "page" } : {}) }, name),
    );
  const brand = header.querySelector(".brand");
  brand.after(el("nav", { className: "pages", "aria-label": "Pages" }, ...links()));
  header.append(menu(now, links()));
  setLocked(now.locked);
  warnOfEnd(now);
}

function menu(now, links) {
  const items = now.guest
    ? [el("p", { className: "menu-note" }, "A demo: nobody signs in here, and whoever sits at this machine is the guest.")]
    : [
        el("button", { type: "button", onclick: lockNow }, "Lock this screen"),
        now.has_password ? el("a", { href: "/sign-in?change" }, "Change password") : null,
        el("button", { type: "button", onclick: signOut }, "Sign out"),
      ].filter(Boolean);
  const panel = el("div", { className: "menu-panel" }, el("nav", { className: "menu-pages", "aria-label": "Pages" }, ...links), ...items);
  const summary = el("summary", {}, el("span", { className: "menu-name" }, now.name));
  const node = el("details", { className: "account" }, summary, panel);
  document.addEventListener("click", (event) => !node.contains(event.target) && (node.open = false));
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    node.open = false;
    summary.focus();
  });
  return node;
}

function noteInput() {
  inputAt = performance.now();
  if (who === null || locked || who.idle_lock_s === null) return;
  const every = Math.min(TOLD_AT_MOST_EVERY_MS, (who.idle_lock_s * 1000) / 4);
  if (inputAt - toldAt < every) return;
  toldAt = inputAt;
  send("/api/v1/session/active").catch(() => {});
}

/** Idle here is not idle everywhere: another tab may be in use, so the server says whether the session is locked. */
function lockWhenIdle() {
  if (who === null || locked || who.idle_lock_s === null) return;
  if (performance.now() - inputAt > who.idle_lock_s * 1000 && performance.now() - lookedAt > 2000) look();
}

async function lockNow() {
  setLocked(true);
  await send("/api/v1/session/lock").catch(() => {});
}

/** While locked, only the lock bar takes clicks and keys that would open or order something. */
function holdBack(event) {
  if (!locked || lockBar?.contains(event.target)) return;
  if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") return;
  if (!event.target.closest?.("a, button, select, input, summary, [role=button]")) return;
  event.preventDefault();
  event.stopPropagation();
  lockBar?.querySelector("input, a")?.focus();
}

function setLocked(now) {
  locked = now;
  root.classList.toggle("is-locked", now);
  header.querySelector(".account")?.removeAttribute("open");
  lockBar?.remove();
  lockBar = null;
  if (!now) return void (inputAt = performance.now());
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  lockBar = makeLockBar();
  header.append(lockBar);
}

function makeLockBar() {
  const said = el("p", { className: "lock-said", role: "status" });
  const password = el("input", { type: "password", autocomplete: "current-password", required: true, "aria-label": `Password of ${who.name}`, placeholder: "Password" });
  const unlock = el("button", { type: "submit", className: "primary" }, "Unlock");
  const form = el(
    "form", { className: "lock-bar", "aria-label": "Locked" },
    el("p", { className: "lock-title" }, el("strong", {}, "Locked"), ` · ${who.name} · alerts go on live`),
    ...(who.has_password ? [password, unlock] : [el("a", { className: "button primary", href: `/sign-in/hospital?next=${encodeURIComponent(location.pathname)}` }, "Sign in again to unlock")]),
    el("button", { type: "button", className: "quiet", onclick: signOut }, "Sign out"),
    said,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    unlock.disabled = true;
    try {
      await send("/api/v1/session/unlock", { password: password.value });
      who = await me({ again: true });
      setLocked(who.locked);
    } catch (error) {
      setText(said, error.message);
      password.value = "";
      password.focus();
    } finally {
      unlock.disabled = false;
    }
  });
  return form;
}

async function signOut() {
  try {
    await send("/api/v1/sign-out");
    location.assign("/sign-in");
  } catch (error) {
    toast(`Not signed out: ${error.message}`, { error: true });
  }
}

/** The session has ended: what is on the screen is no longer live, and the page says so until somebody signs in. */
function signedOut() {
  if (document.querySelector(".signed-out")) return;
  setLocked(false);
  const next = encodeURIComponent(location.pathname + location.search);
  header.after(
    el(
      "div", { className: "signed-out", role: "alert" },
      el("strong", {}, "Signed out: this screen shows no alerts any more"),
      el("a", { className: "button primary", href: `/sign-in?next=${next}` }, "Sign in"),
    ),
  );
}

function warnOfEnd(now) {
  const leftMs = now.ends_at_ms === null ? Infinity : now.ends_at_ms - now.now_ms;
  let node = document.querySelector(".ending");
  if (leftMs > ENDING_MS) return void node?.remove();
  if (!node) {
    node = el("p", { className: "ending", role: "status" });
    header.after(node);
  }
  setText(node, `This session ends at ${clockTime(now.ends_at_ms)}, and with it the alerts on this screen: sign in again before.`);
}

onRefused((status) => {
  if (status === 401 && who !== null) read("/api/v1/me").catch((error) => error.status === 401 && signedOut());
  if (status === 423 && !locked) setLocked(true);
});

start();
