// Says in words what an agent threw, and where in its code.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";

const FRAMES = 5;
const MOST_FILES = 100;
// `at name (place:line:column)`, `at async name (…)` or `at place:line:column`.
const FRAME = /^\s+at (?:(?:async )?(.*?) \()?(.*?):(\d+):\d+\)?$/;
// How the stack of an error in a file's text begins: with the place, and the line as it stands there.
const PLACE = /^(\S.*):(\d+)\n/;

// Why there is no answer, in words of ours.
export class Refusal extends Error {
  constructor(reason, message) {
    super(message);
    this.reason = reason;
  }
}

// Write type and text of an error, then the last lines of the agent that led to it.
export function describe(error, folder) {
  const places = placesOf(stackOf(error), `${folder.replace(/\/+$/, "")}/`);
  if (places.length === 0 && error instanceof SyntaxError) places.push(...misspelled(folder));
  return [headOf(error), ...places.slice(0, FRAMES).reverse()].join("\n");
}

function headOf(error) {
  // An error's own words are code of the agent, and may fail.
  try {
    if (!(error instanceof Error)) return `${inspect(error)} was thrown.`;
    return error.message ? `${error.name}: ${error.message}` : error.name;
  } catch (second) {
    return `An error was thrown whose text cannot be read (${second?.name}).`;
  }
}

function stackOf(error) {
  try {
    return String(error.stack ?? "");
  } catch {
    return "";
  }
}

function placesOf(stack, folder) {
  const places = [];
  const place = PLACE.exec(stack);
  if (place) places.push(inFolder(place[1], folder, place[2]));
  for (const line of stack.split("\n")) {
    const [, name, file, number] = FRAME.exec(line) ?? [];
    if (file) places.push(inFolder(file, folder, number, name));
  }
  return places.filter(Boolean);
}

// Where an ES module is no JavaScript Node.js keeps to itself; asked to read its files one by one,
// it tells.
function misspelled(folder) {
  const files = readdirSync(folder, { recursive: true }).filter(
    (file) => /\.[cm]?js$/.test(file) && !file.includes("node_modules"),
  );
  for (const file of files.slice(0, MOST_FILES)) {
    const { stderr } = spawnSync(process.execPath, ["--check", join(folder, file)]);
    const place = PLACE.exec(stderr);
    if (place) return [`  ${file}:${place[2]}`];
  }
  return [];
}

function inFolder(address, folder, line, name) {
  const file = address.startsWith("file:") ? fileURLToPath(address) : address;
  if (!file.startsWith(folder) || file.includes("/node_modules/")) return null;
  return `  ${file.slice(folder.length)}:${line}${name ? ` in ${name}` : ""}`;
}
