/** Putting a version of the risk model in force, retiring one, and taking that back: each with what it will do in words, and a reason. */

import { send } from "./api.js";

const REASON = { name: "reason", label: "Why, for the record", input: { maxLength: 300 } };
const SWITCH = "Scorers switch at one place of the log, once the trainer has told them; while the trainer stands still nothing changes.";
const UNTOUCHED = "NEWS2, limits and lost contact do not change.";
const RECORD = "Your name, the time and the reason stay on record.";

/** The rulebook's permission, on every ward: which version scores is a rule of the house. */
export function mayChooseModels(who) {
  return who.permissions.set_rules === null;
}

export function promote(version, models) {
  return {
    title: `Put version ${version.number} in force`,
    verb: "Put in force",
    fields: [REASON],
    foresee: ({ reason }) => silences(version, models)
      ? { ready: false, said: [`Version ${version.number} has no threshold yet: its risk would raise no alert, and that of version ${models.in_force} does. Choose one that has, or go back to what Wardlight came with.`] }
      : foreseen(reason, whatFollows(version, models)),
    act: async ({ reason }) => {
      await send(`/api/v1/models/${version.number}/promote`, { reason });
      return `Version ${version.number} is put in force.`;
    },
  };
}

function whatFollows(version, models) {
  return [
    `Version ${version.number} of “${version.candidate}” scores every adult of the house from then on, in place of ${inForce(models)}.`,
    isNewest(version, models)
      ? `It is the newest of “${version.candidate}”: later versions of it follow by themselves.${leftInShadow(version, models)}`
      : "It is not the newest of its candidate: it stays until somebody puts another in force, and nothing follows by itself.",
    version.threshold === null ? "Nobody can say yet from which risk on to tell of it: it raises no alert." : `A risk that stays at ${percent(version.threshold)} or above raises an alert.`,
    worthOf(version),
    SWITCH,
    UNTOUCHED,
  ];
}

export function promoteShipped(models) {
  return {
    title: "Go back to what Wardlight came with",
    verb: "Go back",
    fields: [REASON],
    foresee: ({ reason }) => foreseen(reason, [
      `What Wardlight came with scores from then on, in place of ${inForce(models)}. It was learned in another hospital’s intensive care: its risk raises no alert.`,
      "It stays until somebody puts a version in force. Candidates go on learning in the shadow.",
      SWITCH,
      UNTOUCHED,
    ]),
    act: async ({ reason }) => {
      await send("/api/v1/models/0/promote", { reason });
      return "What Wardlight came with is put in force.";
    },
  };
}

export function retire(version, models) {
  return {
    title: `Retire version ${version.number}`,
    verb: "Retire",
    fields: [REASON],
    foresee: ({ reason }) => foreseen(reason, [
      `Version ${version.number} of “${version.candidate}” is marked as not to be used. It scores nobody now.`,
      isNewest(version, models) ? `It is the newest of “${version.candidate}”: that candidate leaves the shadow and learns no more.` : null,
      "Who scores does not change. It can be put in force again only once somebody restores it.",
    ]),
    act: async ({ reason }) => {
      await send(`/api/v1/models/${version.number}/retire`, { reason });
      return `Version ${version.number} is retired.`;
    },
  };
}

export function restore(version, models) {
  return {
    title: `Restore version ${version.number}`,
    verb: "Restore",
    fields: [REASON],
    foresee: ({ reason }) => foreseen(reason, [
      `Version ${version.number} of “${version.candidate}” ${version.refused ? "is no longer marked as not to be used" : "may be put in force again"}. It scores nobody now.`,
      version.refused || null,
      isNewest(version, models) ? `It is the newest of “${version.candidate}”: that candidate learns on in the shadow.` : null,
      "Who scores does not change.",
    ]),
    act: async ({ reason }) => {
      await send(`/api/v1/models/${version.number}/restore`, { reason });
      return `Version ${version.number} is restored.`;
    },
  };
}

function foreseen(reason, sentences) {
  const said = [...sentences.filter(Boolean), reason ? RECORD : "Say why, for the record."];
  return { ready: Boolean(reason), said };
}

function inForce(models) {
  return models.in_force === 0 ? "what Wardlight came with" : `version ${models.in_force}`;
}

function newestOf(candidate, models) {
  return models.versions.find((version) => version.candidate === candidate);
}

function isNewest(version, models) {
  return newestOf(version.candidate, models)?.number === version.number;
}

function scoring(models) {
  return models.versions.find((version) => version.number === models.in_force);
}

/** Whether alerts of the risk would end with it, which the server refuses. */
function silences(version, models) {
  const now = scoring(models);
  return version.threshold === null && now !== undefined && now.threshold !== null && !now.refused;
}

function leftInShadow(version, models) {
  const before = scoring(models)?.candidate;
  return before === undefined || before === version.candidate ? "" : ` “${before}” goes on learning in the shadow.`;
}

function worthOf(version) {
  if (version.log_loss === null || version.base_log_loss === null) return "How well it does is not known yet: too few moments have a known outcome.";
  const [error, without] = [version.log_loss.toFixed(3), version.base_log_loss.toFixed(3)];
  const known = `on ${version.lessons.toLocaleString("en-GB")} moments: error ${error}, without a model ${without}`;
  return version.log_loss < version.base_log_loss ? `What is known of it, ${known}.` : `So far it is worse than no model, ${known}.`;
}

function percent(share) {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}
