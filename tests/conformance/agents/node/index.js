// Does what a message says: the Node.js side of the conformance suite.
const { execFileSync } = require("node:child_process");
const { existsSync } = require("node:fs");
const { setTimeout: pause } = require("node:timers/promises");

const STATE = process.env.RAWORC_STATE_DIR;
let calls = 0;

exports.processMessage = (message, context) => {
  calls += 1;
  const [word] = message.split(" ", 1);
  const rest = message.slice(word.length + 1);
  const commands = {
    echo: () => rest,
    context: () => JSON.stringify(context),
    count: () => String(calls),
    size: () => `${rest.split("y").length - 1} ${context.history.length} ${said(context)}`,
    pid: () => String(process.pid),
    print: remark,
    fail,
    exit: () => process.exit(Number(rest)),
    signal: () => process.kill(process.pid, rest),
    stream,
    long: () => "x".repeat(Number(rest)),
    hang: () => { for (;;); },
    leave: () => run("(exec setsid sleep 600 >/dev/null 2>&1) & echo $!"),
    look: () => JSON.stringify({ folder: process.cwd(), environment: process.env }),
    descriptors: () => run("ls -l /proc/self/fd"),
  };
  return commands[word]();
};

const said = (context) => context.history.reduce((sum, entry) => sum + entry.content.length, 0);

function remark() {
  console.log("a remark");
  console.error("a complaint");
  run("echo a child >&2");
  return "the answer";
}

function fail() {
  throw new RangeError("no such thing");
}

async function* stream() {
  yield "first, ";
  while (!existsSync(`${STATE}/gate`)) await pause(5);
  yield "last";
}

function run(script) {
  const options = { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] };
  return execFileSync("/bin/sh", ["-c", script], options).trim();
}
