/** A patient of another ward: opened in an emergency with a reason, conspicuous for as long as it is. */

import { Refused, may, me, read, send } from "./api.js";
import { el } from "./dom.js";
import { clockTime } from "./format.js";

const patientId = decodeURIComponent(location.pathname.split("/").pop());

async function start() {
  const who = await me();
  const opened = who.glass.find((glass) => glass.patient_id === patientId);
  if (opened) return tellOpened(opened);
  try {
    await read(`/api/v1/patients/${encodeURIComponent(patientId)}`);
  } catch (error) {
    if (error instanceof Refused && error.status === 403) ask(who);
  }
}

function tellOpened(glass) {
  const banner = el("p", { className: "glass-banner", role: "status" }, el("strong", {}, "Opened in an emergency"), ` until ${clockTime(glass.expires_at_ms)} by ${glass.person_name}: “${glass.reason}”. On record for the auditors.`);
  document.querySelector("header.top").after(banner);
  setTimeout(() => location.reload(), Math.max(1000, glass.expires_at_ms - Date.now()));
}

function ask(who) {
  document.documentElement.classList.add("is-closed");
  const place = document.querySelector("#empty");
  const title = el("h2", {}, "This patient lies on a ward that is not yours");
  if (!may(who, "break_glass")) {
    place.replaceChildren(el("div", { className: "glass-panel" }, title, el("p", {}, "Ask somebody of that ward, or who looks after Wardlight.")));
    return;
  }
  const reason = el("input", { id: "glass-reason", type: "text", maxLength: 120, minLength: 8, required: true, autocomplete: "off" });
  const said = el("p", { role: "alert" });
  const form = el(
    "form", { className: "glass-panel" }, title,
    el("p", {}, "In an emergency you may open this patient for a while. Your name, the time and the reason go on record and are looked at."),
    el("label", { for: "glass-reason" }, "Reason"), reason,
    el("button", { type: "submit", className: "primary" }, "Open in an emergency"), said,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await send(`/api/v1/patients/${encodeURIComponent(patientId)}/break-glass`, { reason: reason.value });
      location.reload();
    } catch (error) {
      said.textContent = error.message;
    }
  });
  place.replaceChildren(form);
  reason.focus();
}

start().catch(() => {});
