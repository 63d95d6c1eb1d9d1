/** Signing in, and changing one's own password. */

import { me, read, send } from "./api.js";

const find = (selector) => document.querySelector(selector);
const query = new URLSearchParams(location.search);
const REFUSALS = {
  "no-role": "None of your groups has a role here, or your account is closed: ask who looks after Wardlight.",
  taken: "Somebody else signs in under this login name here: ask who looks after Wardlight.",
  unavailable: "The hospital’s sign-in does not answer: try again, or use a password.",
  untrusted: "The hospital’s sign-in was given up, took too long, or cannot be trusted: try again.",
  none: "That did not work: try again.",
};
const said = find("#said");

/** Where to go afterwards: a page of ours, never an address of somebody else's. */
function next() {
  const wanted = query.get("next") ?? "/";
  const address = URL.canParse(wanted, location.origin) ? new URL(wanted, location.origin) : null;
  // A path such as "/.//elsewhere" resolves to "//elsewhere", which a browser takes for another host.
  const ours = wanted.startsWith("/") && address?.origin === location.origin && !address.pathname.startsWith("//");
  return ours ? address.pathname + address.search : "/";
}

function show(form) {
  for (const one of document.querySelectorAll("main form, main .way")) one.hidden = one !== form && !form?.contains(one);
  form?.querySelector("input")?.focus();
}

async function start() {
  const ways = await read("/api/v1/sign-in");
  if (ways.guest) return location.replace("/");
  for (const field of document.querySelectorAll("[data-new]")) field.minLength = ways.password_length_min;
  find("#length").textContent = String(ways.password_length_min);
  const hospital = find("#hospital");
  if (ways.hospital !== null) {
    hospital.textContent = ways.hospital;
    hospital.href = `/sign-in/hospital?next=${encodeURIComponent(next())}`;
  }
  const who = await me().catch(() => null);
  const own = who?.must_change_password || (who !== null && query.has("change"));
  show(own ? find("#own") : find("#by-password"));
  find("#or").hidden = own || ways.hospital === null;
  find("#why-own").hidden = !who?.must_change_password;
  if (query.has("refused")) said.textContent = REFUSALS[query.get("refused")] ?? REFUSALS.none;
}

async function attempt(form, action) {
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  said.textContent = "";
  try {
    await action(new FormData(form));
  } catch (error) {
    said.textContent = error.message;
    for (const field of form.querySelectorAll("[type=password]")) field.value = "";
    form.querySelector("[type=password]").focus();
  } finally {
    button.disabled = false;
  }
}

find("#by-password").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(event.target, async (fields) => {
    await send("/api/v1/sign-in", { login: fields.get("login"), password: fields.get("password") });
    const who = await me({ again: true }).catch(() => {
      throw new Error("This browser did not keep the session. Cookies are only kept over HTTPS, except at 127.0.0.1.");
    });
    if (!who.must_change_password) return location.assign(next());
    find("#or").hidden = true;
    find("#why-own").hidden = false;
    show(find("#own"));
  });
});

find("#own").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(event.target, async (fields) => {
    if (fields.get("new") !== fields.get("again")) throw new Error("The two new passwords differ.");
    await send("/api/v1/me/password", { old: fields.get("old"), new: fields.get("new") });
    location.assign(next());
  });
});

start().catch((error) => (said.textContent = `The server does not answer: ${error.message}`));
