// Finds the function that answers messages.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { typeName } from "./answer.mjs";
import { Refusal } from "./failure.mjs";

// In this order; the build looks for the same files.
const ENDINGS = [".js", ".mjs", ".cjs", "/index.js", "/index.mjs", "/index.cjs"];

// Load `module.function` from the agent's folder; what the agent throws is passed on.
export async function loadHandler(folder, name) {
  const dot = name.lastIndexOf(".");
  const path = name.slice(0, dot).replaceAll(".", "/");
  const key = name.slice(dot + 1);
  const module = await import(pathToFileURL(fileOf(folder, path)));
  // What a CommonJS module exports is its `default`, of which Node.js finds some names by itself.
  const handler = module[key] ?? module.default?.[key];
  if (handler === undefined) {
    throw new Refusal("HandlerNotFound", `The module '${path}' exports no '${key}'.`);
  }
  if (typeof handler !== "function") {
    const words = `'${name}' is of type '${typeName(handler)}', not a function.`;
    throw new Refusal("HandlerNotFound", words);
  }
  return handler;
}

function fileOf(folder, path) {
  const files = ENDINGS.map((ending) => join(folder, path + ending));
  const found = files.find((file) => existsSync(file));
  if (!found) throw new Refusal("HandlerNotFound", `The agent has no module '${path}'.`);
  return found;
}
