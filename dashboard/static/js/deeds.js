/** The changes the registry offers, each with what it will do in words. */

import { may, read, send } from "./api.js";
import { duration, moment } from "./format.js";

const CORRIDOR = "no bed";
const SEXES = [["", "not said"], ["female", "female"], ["male", "male"], ["other", "other"], ["unknown", "unknown"]];

const SEX_NAMES = { female: "female", male: "male", other: "other sex", unknown: "sex unknown" };

/** "Ann Lee, bed 3". */
function called(patient) {
  return `${patient.name}, bed ${patient.bed ?? "–"}`;
}

function wardsOf(book) {
  return [...new Set(book.patients.map((patient) => patient.ward_id))].map((ward) => [ward, `${book.patients.filter((patient) => patient.ward_id === ward).length} patients`]);
}

/** Every ward there is, those of others too: only their names are known here. */
function wardsToMoveTo(book) {
  const counted = new Map(wardsOf(book));
  return [...new Set([...counted.keys(), ...book.wards])].map((ward) => [ward, counted.get(ward) ?? ""]);
}

function patientChoices(book, except) {
  return [["", "Choose…"], ...book.patients.filter((patient) => patient.patient_id !== except).map((patient) => [patient.patient_id, `${patient.ward_id} · ${called(patient)}`])];
}

function alertsOf(book, patientId) {
  return book.alerts.filter((alert) => alert.patient_id === patientId);
}

function wornBy(book, patientId) {
  return book.devices.filter((device) => device.patient_id === patientId);
}

function wearerOf(book, device) {
  return book.patients.find((patient) => patient.patient_id === device.patient_id) ?? { name: device.patient_id, bed: null, patient_id: device.patient_id };
}

function occupant(book, ward, bed) {
  return bed ? book.patients.find((patient) => patient.ward_id === ward && patient.bed === bed) : undefined;
}

function listed(names) {
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : (names[0] ?? "");
}

export function admit(book, ward) {
  return {
    title: "Admit a patient",
    verb: "Admit",
    fields: [
      { name: "name", label: "Name, as the ward board shows it" },
      { name: "ward", label: "Ward", value: ward, suggested: wardsOf(book), input: { maxLength: 64 } },
      { name: "bed", label: "Bed (empty: in the corridor)", required: false, input: { maxLength: 20 } },
      { name: "born", label: "Date of birth (empty: an adult)", required: false, input: { type: "date" } },
      { name: "sex", label: "Sex", required: false, value: "", options: SEXES },
      { name: "device", label: "Device, if one is put on now (scan or type)", required: false, suggested: spares(book), input: { maxLength: 64 } },
    ],
    foresee: ({ name, ward: to, bed, born, device }) => {
      if (!name || !to) return { ready: false, said: ["Give a name and a ward."] };
      const there = occupant(book, to, bed);
      if (there) return { ready: false, said: [`Bed ${bed} of ${to} is taken by ${there.name}: choose another, or move ${there.name} first.`] };
      const said = [`${name} is admitted to ${bed ? `bed ${bed}` : CORRIDOR} of ${to} under a new random id.`];
      if (born && isChild(born)) said.push("Under 16: limits by age and PEWS, never NEWS2.");
      const known = device && book.devices.find((each) => each.device_id === device);
      if (device && !known) return { ready: false, said: [...said, `There is no device ${device}: add it first.`] };
      if (known?.patient_id) return { ready: false, said: [...said, `${device} is worn by ${called(wearerOf(book, known))}: release it first.`] };
      said.push(device ? `What ${device} measures from now on is ${name}'s; nothing it measured before is.` : "Nothing is measured until a device is assigned.");
      return { ready: true, said };
    },
    act: async ({ name, ward: to, bed, born, sex, device }) => {
      const made = await send("/api/v1/patients", { name, ward_id: to, bed: bed || null, birth_date: born || null, sex: sex || null });
      if (device) await send(`/api/v1/devices/${encodeURIComponent(device)}/assign`, { patient_id: made.patient_id });
      return `${name} is admitted.`;
    },
  };
}

/** "68 years, female"; what nobody said is named as such. */
export function ageAndSex(patient) {
  if (!patient.birth_date && !patient.sex) return "age and sex not said";
  const age = patient.birth_date ? ageText(patient.birth_date) : "age not said";
  return `${age}, ${SEX_NAMES[patient.sex] ?? "sex not said"}`;
}

export function ageSex(patient) {
  const before = { born: patient.birth_date ?? "", sex: patient.sex ?? "" };
  return {
    title: `Age and sex of ${called(patient)}`,
    verb: "Save",
    fields: [
      { name: "born", label: "Date of birth (empty: an adult)", required: false, value: before.born, input: { type: "date" } },
      { name: "sex", label: "Sex", required: false, value: before.sex, options: SEXES },
    ],
    foresee: ({ born, sex }) => {
      if (born && new Date(born) > new Date()) return { ready: false, said: ["That date lies in the future."] };
      const said = [born ? `${patient.name} is ${ageText(born)} old.` : "Without a date of birth the patient counts as an adult."];
      if (born === before.born && sex === before.sex) return { ready: false, said: [...said, "Nothing is changed yet."] };
      if (born && isChild(born)) said.push("Under 16: limits by age and PEWS, never NEWS2, and no learned risk.");
      else if (before.born && isChild(before.born)) said.push("From 16 on: NEWS2 and the limits of adults. PEWS and the limits by age end.");
      said.push("The learned risk of adults counts age and sex; no score and no limit counts sex.");
      said.push("It holds for what is measured from now on; what was scored before stays.");
      return { ready: true, said };
    },
    act: async ({ born, sex }) => {
      const url = `/api/v1/patients/${encodeURIComponent(patient.patient_id)}`;
      if (born !== before.born) await send(`${url}/birth-date`, { birth_date: born || null });
      if (sex !== before.sex) await send(`${url}/sex`, { sex: sex || null });
      return `Age and sex of ${patient.name} are saved.`;
    },
  };
}

export function move(patient, book) {
  return {
    title: `Move ${called(patient)}`,
    verb: "Move",
    fields: [
      { name: "ward", label: "To ward", value: patient.ward_id, suggested: wardsToMoveTo(book), input: { maxLength: 64 } },
      { name: "bed", label: "To bed (empty: in the corridor)", required: false, input: { maxLength: 20 } },
    ],
    foresee: ({ ward, bed }) => {
      if (!ward) return { ready: false, said: ["Give the ward."] };
      if (ward === patient.ward_id && (bed || null) === patient.bed) return { ready: false, said: [`${patient.name} lies there already.`] };
      const there = occupant(book, ward, bed);
      if (there) return { ready: false, said: [`Bed ${bed} of ${ward} is taken by ${there.name}: choose another, or swap the two beds.`] };
      const said = [`${patient.name} lies in ${bed ? `bed ${bed}` : CORRIDOR} of ${ward} from now on.`];
      if (!book.wards.includes(ward)) {
        if (book.who.permissions.transfer !== null) return { ready: false, said: [`There is no ward ${ward}: known are ${listed(book.wards)}.`] };
        said.push(`Nobody has named a ward ${ward} before: its alerts reach nobody until somebody looks after it.`);
      }
      const worn = wornBy(book, patient.patient_id).map((device) => device.device_id);
      if (worn.length) said.push(`${listed(worn)} ${worn.length > 1 ? "stay" : "stays"} on.`);
      if (!may(book.who, "see_patient", ward)) said.push("You will not see this patient any more.");
      const open = alertsOf(book, patient.patient_id).length;
      if (ward !== patient.ward_id) {
        said.push(open ? `${open} open ${open > 1 ? "alerts move" : "alert moves"} along: ${ward} is paged from now on, ${patient.ward_id} no longer.` : `Alerts page ${ward} from now on.`);
      }
      return { ready: true, said };
    },
    act: async ({ ward, bed }) => {
      await send(`/api/v1/patients/${encodeURIComponent(patient.patient_id)}/transfer`, { ward_id: ward, bed: bed || null });
      return `${patient.name} is moved.`;
    },
  };
}

export function swapBeds(patient, book) {
  return {
    title: `Swap the bed of ${called(patient)}`,
    verb: "Swap beds",
    fields: [{ name: "other", label: "With", options: patientChoices(book, patient.patient_id) }],
    foresee: ({ other }) => {
      const found = book.patients.find((each) => each.patient_id === other);
      if (!found) return { ready: false, said: ["Choose with whom."] };
      return {
        ready: true,
        said: [
          `${patient.name} lies in bed ${found.bed ?? "–"} of ${found.ward_id}.`,
          `${found.name} lies in bed ${patient.bed ?? "–"} of ${patient.ward_id}.`,
          "Devices and open alerts stay with each patient.",
        ],
      };
    },
    act: async ({ other }) => {
      await send(`/api/v1/patients/${encodeURIComponent(patient.patient_id)}/swap-beds`, { with_patient_id: other });
      return "The two have changed places.";
    },
  };
}

export function discharge(patient, worn, open) {
  return {
    title: `Discharge ${called(patient)}`,
    verb: "Discharge",
    fields: [],
    foresee: () => ({
      ready: true,
      said: [
        `${patient.name} leaves: bed ${patient.bed ?? "–"} of ${patient.ward_id} is free.`,
        worn.length ? `${listed(worn.map((device) => device.device_id))} ${worn.length > 1 ? "are" : "is"} released.` : "No device is on the patient.",
        open.length ? `${open.length} open ${open.length > 1 ? "alerts end" : "alert ends"}.` : "No alert is open.",
        "History stays. A stay cannot be reopened: who comes back is admitted anew.",
      ],
    }),
    act: async () => {
      await send(`/api/v1/patients/${encodeURIComponent(patient.patient_id)}/discharge`);
      return `${patient.name} has left.`;
    },
  };
}

/** As the calendar of this machine has it; the server decides by its own. */
function isChild(born) {
  const grown = new Date(born);
  grown.setFullYear(grown.getFullYear() + 16);
  return grown > new Date();
}

/** "68 years", "7 months": as the calendar of this machine has it. */
function ageText(born) {
  const [birth, now] = [new Date(`${born}T00:00`), new Date()];
  const months = (now.getFullYear() - birth.getFullYear()) * 12 + now.getMonth() - birth.getMonth() - (now.getDate() < birth.getDate() ? 1 : 0);
  const [count, unit] = months >= 24 ? [Math.floor(months / 12), "year"] : [Math.max(0, months), "month"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

function spares(book) {
  return book.devices.filter((device) => device.patient_id === null).map((device) => [device.device_id, `of ${device.ward_id}`]);
}

export function giveDevice(patient, book) {
  return {
    title: `Put a device on ${called(patient)}`,
    verb: "Assign",
    fields: [{ name: "device", label: "Device (scan or type)", suggested: spares(book), input: { maxLength: 64 } }],
    foresee: ({ device }) => foreseeAssign(book, device, patient),
    act: ({ device }) => assigned(device, patient),
  };
}

export function assign(device, book) {
  return {
    title: `Assign ${device.device_id}`,
    verb: "Assign",
    fields: [{ name: "patient", label: "To", options: patientChoices(book, null) }],
    foresee: ({ patient }) => {
      const found = book.patients.find((each) => each.patient_id === patient);
      return found ? foreseeAssign(book, device.device_id, found) : { ready: false, said: ["Choose the patient."] };
    },
    act: ({ patient }) => assigned(device.device_id, book.patients.find((each) => each.patient_id === patient)),
  };
}

function foreseeAssign(book, deviceId, patient) {
  if (!deviceId) return { ready: false, said: ["Scan or type the device."] };
  const device = book.devices.find((each) => each.device_id === deviceId);
  if (!device) return { ready: false, said: [`There is no device ${deviceId}: add it first.`] };
  if (device.patient_id === patient.patient_id) return { ready: false, said: [`${patient.name} wears ${deviceId} already.`] };
  const said = [`From now on, what ${deviceId} measures is ${patient.name}'s. Nothing it measured before is shown there.`];
  if (device.patient_id) said.unshift(`${called(wearerOf(book, device))} wears ${deviceId} now, and will wear it no longer.`);
  const worn = wornBy(book, patient.patient_id).map((each) => each.device_id);
  if (worn.length) said.push(`${listed(worn)} ${worn.length > 1 ? "stay" : "stays"} on as well.`);
  return { ready: true, said };
}

async function assigned(deviceId, patient) {
  await send(`/api/v1/devices/${encodeURIComponent(deviceId)}/assign`, { patient_id: patient.patient_id });
  return `${patient.name} wears ${deviceId}.`;
}

export function swapDevices(device, book) {
  const wearer = wearerOf(book, device);
  const others = book.devices.filter((each) => each.device_id !== device.device_id && each.patient_id !== device.patient_id);
  return {
    title: `Swap ${device.device_id}, worn by ${called(wearer)}`,
    verb: "Swap",
    fields: [{
      name: "other", label: "With (scan or type)", input: { maxLength: 64 },
      suggested: others.map((each) => [each.device_id, each.patient_id ? `worn by ${called(wearerOf(book, each))}` : "worn by nobody"]),
    }],
    foresee: ({ other }) => {
      if (!other) return { ready: false, said: ["Scan or type the other device."] };
      const found = others.find((each) => each.device_id === other);
      if (!found) return { ready: false, said: [`There is no other device ${other} here.`] };
      const said = [`From now on ${wearer.name} wears ${other}.`];
      said.push(found.patient_id ? `${called(wearerOf(book, found))} wears ${device.device_id}.` : `Nobody wears ${device.device_id}.`);
      said.push("What was measured until now stays with the patient it was measured on.");
      return { ready: true, said };
    },
    act: async ({ other }) => {
      await send(`/api/v1/devices/${encodeURIComponent(device.device_id)}/swap`, { with_device_id: other });
      return "Swapped.";
    },
  };
}

export function release(device, wearer, book) {
  const patient = wearer ?? wearerOf(book, device);
  const left = wornBy(book, device.patient_id).filter((each) => each.device_id !== device.device_id).map((each) => each.device_id);
  return {
    title: `Release ${device.device_id} from ${called(patient)}`,
    verb: "Release",
    fields: [],
    foresee: () => ({
      ready: true,
      said: [
        `Nobody wears ${device.device_id} from now on; what it sends is refused until it is assigned.`,
        left.length ? `${patient.name} still wears ${listed(left)}.` : `${patient.name} wears nothing then: nothing is watched, and silence raises no alert.`,
      ],
    }),
    act: async () => {
      await send(`/api/v1/devices/${encodeURIComponent(device.device_id)}/release`);
      return `${device.device_id} is released.`;
    },
  };
}

export function addDevice(book, ward, deviceId) {
  return {
    title: "Add a device",
    verb: "Add",
    fields: [
      { name: "device", label: "Its id, as in its MQTT topic (scan or type)", value: deviceId, input: { maxLength: 64 } },
      { name: "ward", label: "Ward it belongs to", value: ward, suggested: wardsOf(book), input: { maxLength: 64 } },
    ],
    foresee: ({ device, ward: to }) => {
      if (!device || !to) return { ready: false, said: ["Give its id and its ward."] };
      if (book.devices.some((each) => each.device_id === device)) return { ready: false, said: [`${device} is known already.`] };
      return { ready: true, said: [`${device} is known from now on. What it sends is refused until somebody wears it.`] };
    },
    act: async ({ device, ward: to }) => {
      await send("/api/v1/devices", { device_id: device, ward_id: to });
      return `${device} is added.`;
    },
  };
}

const NOBODY = "~nobody";

export function correct(device, book) {
  return {
    title: `Correct: who wore ${device.device_id}?`,
    verb: "Correct",
    fields: [
      { name: "since", label: "On the wrong patient since", input: { type: "datetime-local", step: "1" } },
      { name: "until", label: "Until (empty: until now, and it is still on)", required: false, input: { type: "datetime-local", step: "1" } },
      { name: "to", label: "Who really wore it", options: [...patientChoices(book, null), [NOBODY, "Nobody"]] },
      { name: "reason", label: "What happened, for the record", input: { maxLength: 300 } },
    ],
    foresee: (values) => foreseeCorrection(device, book, values),
    act: async ({ since, until, to, reason }) => {
      await send("/api/v1/corrections", {
        device_id: device.device_id, from: asMs(since), ...(until ? { until: asMs(until) } : {}),
        to_patient_id: to === NOBODY ? null : to, reason,
      });
      return "Ordered: the register is corrected, readings and alerts follow within seconds.";
    },
  };
}

function asMs(local) {
  return new Date(local).getTime();
}

async function foreseeCorrection(device, book, { since, until, to, reason }) {
  if (!since) return { ready: false, said: ["Say since when."] };
  const span = `from=${asMs(since)}${until ? `&until=${asMs(until)}` : ""}`;
  const seen = await read(`/api/v1/corrections/outlook?device=${encodeURIComponent(device.device_id)}&${span}`);
  const named = (patientId) => book.patients.find((each) => each.patient_id === patientId)?.name ?? patientId;
  const wrong = named(seen.wrong_patient_id);
  const end = seen.until_ms === null ? "up to now, and from now on" : `until ${moment(seen.until_ms, Date.now())}`;
  const said = [
    `${device.device_id} stands as ${wrong}'s since ${moment(seen.from_ms, Date.now())} (${duration(Date.now() - seen.from_ms)} ago), ${end}.`,
    `${seen.readings} ${seen.readings === 1 ? "reading" : "readings"} of that time no longer count for ${wrong}; they stay on record.`,
  ];
  const raised = seen.open_alerts + seen.ended_alerts;
  said.push(raised ? `${raised} ${raised === 1 ? "alert" : "alerts"} of ${wrong} (${seen.open_alerts} open) ${raised === 1 ? "is" : "are"} taken back.` : `No alert of ${wrong} rests on them.`);
  if (!to) return { ready: false, said: [...said, "Say who really wore it."] };
  if (to === seen.wrong_patient_id) return { ready: false, said: [...said, `That is who the register says: choose somebody else than ${wrong}.`] };
  if (to === NOBODY) {
    said.push("They count for nobody. This cannot be turned round afterwards.");
  } else {
    said.push(`They become ${named(to)}'s history; what they would have alarmed is shown as found afterwards and pages nobody.`);
    if (seen.until_ms === null) said.push(`What ${device.device_id} measures from now on is ${named(to)}'s, and alarms as usual.`);
  }
  if (!reason) return { ready: false, said: [...said, "Say what happened, for the record."] };
  return { ready: true, said };
}
