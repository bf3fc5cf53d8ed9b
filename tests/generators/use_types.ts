// What somebody writes who has the types that openapi-typescript made of /openapi.json. Only checked, never run.

import type { components, operations, paths } from "./api";

type Schemas = components["schemas"];

const written: Schemas["CreateVapiPhoneNumberDTO"] = {
  provider: "vapi",
  name: "Front desk",
  serverUrl: "https://owner.example/hook",
  hooks: [{ on: "call.ringing", do: [{ type: "say", exact: "One moment." }] }],
};

function shown(number: Schemas["VapiPhoneNumber"]): string[] {
  const { id, orgId, createdAt, updatedAt, provider, sipUri } = number;
  const { name, assistantId, squadId, serverUrl, serverUrlSecret, fallbackDestination } = number;
  const where = fallbackDestination?.type === "sip" ? fallbackDestination.sipUri : "";
  const optional = [name, assistantId, squadId, serverUrl, serverUrlSecret];
  return [id, orgId, createdAt, updatedAt, provider, sipUri, where, ...optional.map((text) => text ?? "")];
}

type Update = operations["PhoneNumberController_update"];
const changes: Update["requestBody"]["content"]["application/json"] = { name: "Back desk", assistantId: null };
const path: Update["parameters"]["path"] = { id: "x" };

type Read = paths["/phone-number/{id}"]["get"]["responses"];
function told(answer: Read[200]["content"]["application/json"], mistake: Read[404]["content"]["application/json"]) {
  const own = answer.provider === "vapi" ? shown(answer) : [answer.id, answer.credentialId];
  return [...own, mistake.statusCode];
}

const squad: Schemas["CreateSquadDTO"] = { members: [{ assistant: { firstMessage: "Hello." } }] };
const stored = (one: Schemas["Assistant"]): string => one.id;

// @ts-expect-error a number has a provider
const lacking: Schemas["CreateVapiPhoneNumberDTO"] = { name: "Front desk" };
// @ts-expect-error there is no such provider
const other: Schemas["CreateVapiPhoneNumberDTO"] = { provider: "twilio" };

export { changes, lacking, other, path, squad, stored, told, written };
