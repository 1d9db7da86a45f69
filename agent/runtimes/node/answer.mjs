// Gets the answer out of whatever a handler returns.
import { wholeCharacters } from "./channel.mjs";
import { Refusal } from "./failure.mjs";

const MAX_BYTES = 16 * 1024 * 1024;

// Return the answer, or what of it no piece held.
export async function textOf(value, tellPiece) {
  if (!isIterator(value)) return checked(value, "returned").text;
  let total = 0;
  for await (const piece of value) {
    const { text, bytes } = checked(piece, "yielded");
    total += bytes;
    if (total > MAX_BYTES) throw tooLarge();
    if (text) tellPiece(text);
  }
  return "";
}

// A list is a value that cannot be an answer; a generator, which has `next`, gives pieces of one.
function isIterator(value) {
  if (typeof value !== "object" || value === null) return false;
  if (typeof value[Symbol.asyncIterator] === "function") return true;
  return typeof value[Symbol.iterator] === "function" && typeof value.next === "function";
}

function checked(value, how) {
  if (typeof value !== "string") {
    const words = `The handler ${how} a value of type '${typeName(value)}'; it must be a string.`;
    throw new Refusal("InvalidAnswer", words);
  }
  const text = wholeCharacters(value);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES) throw tooLarge();
  return { text, bytes };
}

function tooLarge() {
  return new Refusal("AnswerTooLarge", "The answer is longer than 16 MiB.");
}

export function typeName(value) {
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  return value.constructor?.name || "object";
}
