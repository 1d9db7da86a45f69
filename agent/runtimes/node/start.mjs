// Loads one Node.js agent and answers with it: `start.mjs <folder of the agent> <handler>`.
//
// Plain Node.js, from version 18 on, without a package. The agent's event loop is this one, so what
// an agent left running goes on between turns.
import { textOf } from "./answer.mjs";
import { Channel } from "./channel.mjs";
import { describe, Refusal } from "./failure.mjs";
import { loadHandler } from "./handler.mjs";

const [folder, name] = process.argv.splice(2);
process.argv[1] = name;
// Enough to find the agent's own lines below those of its libraries.
Error.stackTraceLimit = Math.max(Error.stackTraceLimit, 50);
const channel = new Channel();

// As SIGTERM asks, but with what the agent does on `exit`; an agent that listens itself decides.
process.on("SIGTERM", () => {
  if (process.listenerCount("SIGTERM") === 1) process.exit(128 + 15);
});

// What is thrown outside of the handler ends the process, as Node.js does it; the runner hears why.
process.on("uncaughtExceptionMonitor", (error) => {
  if (process.listenerCount("uncaughtException") === 0) {
    channel.tellEnding("AgentError", describe(error, folder));
  }
});

// Without this a handler that waits for nothing would end the process without a word.
let giveUp = () => {};
process.on("beforeExit", () => {
  giveUp(new Refusal("AgentError", "The handler waits for something that can never come."));
});

const handler = await loadHandler(folder, name).catch((error) => tell(error, "LoadFailed"));
if (handler) {
  channel.tellReady();
  for await (const { message, context } of channel.orders()) {
    const stalled = new Promise((_, reject) => (giveUp = reject));
    await Promise.race([answer(message, context), stalled])
      .then((text) => channel.tellAnswer(text))
      .catch((error) => tell(error, "AgentError"));
  }
}
process.exit();

async function answer(message, context) {
  return textOf(await handler(message, context), (piece) => channel.tellPiece(piece));
}

function tell(error, reason) {
  if (error instanceof Refusal) {
    channel.tellFailed(error.reason, error.message);
  } else {
    log(error);
    channel.tellFailed(reason, describe(error, folder));
  }
}

// The whole of it for the log; the answer's failure holds what points to the cause.
function log(error) {
  try {
    console.error(error);
  } catch {
    console.error("An error whose text cannot be read was thrown.");
  }
}
