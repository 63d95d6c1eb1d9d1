/** Who may sign in, their roles on wards, and tokens for programs. */

import { read, send } from "./api.js";
import { el, setText } from "./dom.js";
import { toast } from "./frame.js";

const ROLES = {
  nurse: "Nurse", physician: "Physician", ward_manager: "Ward manager", device_technician: "Device technician",
  data_analyst: "Data analyst", auditor: "Auditor", administrator: "Administrator",
};
const HOUSE_ROLES = ["auditor", "administrator"];
const EVERY = "*";
const OTHER = "+";
/** What somebody else may put into a token in a person's name; the rest takes their own password. */
const SCOPES = ["see_ward", "see_status", "see_ledger"];

const find = (selector) => document.querySelector(selector);
const words = (name) => name.replaceAll("_", " ");
let people = [];
let wards = [];

async function load() {
  people = await read("/api/v1/people");
  const known = people.flatMap((person) => person.grants.map((grant) => grant.ward)).filter((ward) => ward !== null);
  const listed = await read("/api/v1/wards").catch(() => []);
  wards = [...new Set([...known, ...listed.map((ward) => ward.ward_id)])].sort();
  render();
}

function render() {
  const wanted = find("#search").value.trim().toLowerCase();
  const shown = people.filter((person) => `${person.name} ${person.login}`.toLowerCase().includes(wanted));
  find("#people").replaceChildren(...shown.map(row));
  find("#empty").hidden = shown.length > 0;
  setText(find("#empty"), people.length ? "Nobody of that name." : "Nobody yet.");
}

function row(person) {
  const closed = person.disabled_at_ms !== null;
  const ways = [person.has_password ? "password" : null, person.from_hospital ? "hospital" : null].filter(Boolean).join(" and ");
  const act = (label, action, more = {}) => el("button", { type: "button", onclick: action, "aria-label": `${label}: ${person.name}`, ...more }, label);
  return el(
    "article", { className: closed ? "person is-closed-account" : "person" },
    el("div", {}, el("h2", { className: "person-name" }, person.name), el("p", { className: "person-login" }, person.login), el("p", { className: "note" }, closed ? "Account closed" : `Signs in by ${ways}`)),
    el("div", { className: "grants" }, ...person.grants.map((grant) => chip(person, grant)), act("Give a role", () => give(person), { className: "quiet" })),
    el(
      "div", { className: "person-actions" },
      act("Tokens", () => showTokens(person)),
      act("New password", () => newPassword(person)),
      closed ? act("Open account", () => order(person, "enable")) : act("Close account", () => close(person)),
    ),
  );
}

function chip(person, grant) {
  const text = `${ROLES[grant.role] ?? grant.role} · ${grant.ward ?? "every ward"}`;
  if (grant.source !== "house") return el("span", { className: "grant is-hospital", title: "By a group of the hospital’s sign-in" }, text);
  const revoke = async () => {
    if (await sure(`Take “${text}” from ${person.name}?`, "It holds no longer from the next request on.", "Take away")) order(person, "revoke", body(grant.role, grant.ward ?? EVERY));
  };
  return el("span", { className: "grant" }, text, el("button", { type: "button", className: "quiet", "aria-label": `Take away: ${text}, ${person.name}`, onclick: revoke }, "✕"));
}

const body = (role, ward) => (ward === EVERY ? { role, every_ward: true } : { role, ward });

async function order(person, action, content = {}) {
  try {
    await send(`/api/v1/people/${person.person_id}/${action}`, content);
  } catch (error) {
    toast(error.message, { error: true });
  }
  await load();
}

async function close(person) {
  const note = "Sessions end at once and tokens are dead. What they did stays on record under their name.";
  if (await sure(`Close the account of ${person.name}?`, note, "Close account")) order(person, "disable");
}

async function newPassword(person) {
  const note = "The present one no longer works, sessions end, and you are shown a one-time password to pass on.";
  if (!(await sure(`New password for ${person.name}?`, note, "New password"))) return;
  try {
    tell(await send(`/api/v1/people/${person.person_id}/password`));
  } catch (error) {
    toast(error.message, { error: true });
  }
  load();
}

function tell(made) {
  const note = "Pass it on in person. At the first sign-in they choose a password of their own. It is not shown again.";
  showSecret(`${made.person.name} signs in once with`, note, made.one_time_password);
}

function showSecret(title, note, secret) {
  setText(find("#secret-title"), title);
  setText(find("#secret-note"), note);
  setText(find("#secret"), secret);
  find("#secret-dialog").showModal();
}

function sure(title, note, action) {
  const dialog = find("#sure-dialog");
  setText(find("#sure-title"), title);
  setText(find("#sure-note"), note);
  setText(dialog.querySelector("[type=submit]"), action);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "sure"), { once: true }));
}

/** Fill the choices of role and ward; a ward that nobody lies on yet can be typed. */
function fillWhere(form) {
  const { role, ward, other } = form.elements;
  if (role && role.options.length === 0) role.append(...Object.entries(ROLES).map(([value, name]) => el("option", { value }, name)));
  const fill = () => {
    const every = el("option", { value: EVERY }, role ? "Every ward" : "Wherever the person may");
    const named = wards.map((id) => el("option", { value: id }, id));
    const house = role && HOUSE_ROLES.includes(role.value);
    ward.replaceChildren(...(house ? [every] : role ? [...named, el("option", { value: OTHER }, "Another ward…"), every] : [every, ...named]));
    ward.onchange();
  };
  ward.onchange = () => {
    if (!other) return;
    other.hidden = ward.value !== OTHER;
    other.required = !other.hidden;
    if (!other.hidden) other.focus();
  };
  if (role) role.onchange = fill;
  fill();
}

const wardIn = (fields) => (fields.get("ward") === OTHER ? fields.get("other").trim() : fields.get("ward"));

/** Open a dialog's form; `action` gets its fields, and an error stays in the dialog. */
function openForm(dialog, action) {
  const form = dialog.querySelector("form");
  const said = form.querySelector(".form-said");
  form.reset();
  setText(said, "");
  fillWhere(form);
  form.onsubmit = async (event) => {
    event.preventDefault();
    try {
      await action(new FormData(form));
    } catch (error) {
      setText(said, error.message);
    }
  };
  if (!dialog.open) dialog.showModal();
}

function give(person) {
  const dialog = find("#grant-dialog");
  setText(find("#grant-title"), `Give ${person.name} a role`);
  openForm(dialog, async (fields) => {
    await send(`/api/v1/people/${person.person_id}/grant`, body(fields.get("role"), wardIn(fields)));
    dialog.close();
    load();
  });
}

async function showTokens(person) {
  const dialog = find("#tokens-dialog");
  setText(find("#tokens-title"), `Tokens of ${person.name}`);
  find("#scopes").replaceChildren(...SCOPES.map((name) => el("label", {}, el("input", { type: "checkbox", name: "scope", value: name }), words(name))));
  await listTokens(person);
  openForm(dialog, async (fields) => {
    const ward = fields.get("ward");
    const made = await send(`/api/v1/people/${person.person_id}/tokens`, {
      name: fields.get("name"), scopes: fields.getAll("scope"), wards: ward === EVERY ? null : [ward], days: Number(fields.get("days")),
    });
    dialog.close();
    showSecret(`Token for ${made.token.name}`, "For the program: WARDLIGHT_TOKEN, or Authorization: Bearer. It is not shown again.", made.secret);
  });
}

async function listTokens(person) {
  const tokens = await read(`/api/v1/people/${person.person_id}/tokens`);
  const day = (ms) => (ms === null ? "never" : new Date(ms).toLocaleDateString());
  find("#tokens").replaceChildren(
    ...tokens.map((token) => {
      const revoke = async () => {
        await send(`/api/v1/people/${person.person_id}/tokens/${token.token_id}/revoke`).catch((error) => toast(error.message, { error: true }));
        listTokens(person);
      };
      const end = token.revoked_at_ms === null ? el("button", { type: "button", onclick: revoke, "aria-label": `Revoke ${token.name}` }, "Revoke") : "revoked";
      return el("tr", {}, el("td", {}, token.name), el("td", {}, token.scopes.map(words).join(", ")), el("td", {}, token.wards?.join(", ") ?? "theirs"), el("td", {}, day(token.expires_at_ms)), el("td", {}, day(token.used_at_ms)), el("td", {}, end));
    }),
  );
}

for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close(""));
find("#search").addEventListener("input", render);
const loaded = load().catch((error) => setText(find("#empty"), error.message));
find("#add").addEventListener("click", async () => {
  await loaded;
  openForm(find("#add-dialog"), async (fields) => {
    const made = await send("/api/v1/people", { login: fields.get("login"), name: fields.get("name"), grants: [body(fields.get("role"), wardIn(fields))] });
    find("#add-dialog").close();
    tell(made);
    load();
  });
});
