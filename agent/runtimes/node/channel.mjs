// The channel to the runner, on two descriptors of its own; `raworc_runtime/channel.py` describes
// its frames.
import { writeSync } from "node:fs";
import { Socket } from "node:net";

const ORDERS_FD = 3;
const EVENTS_FD = 4;
const LENGTH = 4;
// UTF-16 units of a part; a frame may have 256 KiB, and each takes six bytes of it at most.
const MAX_TEXT = 32 * 1024;
const MAX_FAILURE = 4000;

export class Channel {
  #turn = null;

  // Wait for one order after the other, until the runner closes the channel.
  async *orders() {
    const socket = new Socket({ fd: ORDERS_FD, readable: true, writable: false });
    let texts = [];
    for await (const frame of framesOf(socket)) {
      texts.push(frame.text);
      if (frame.is_last) {
        this.#turn = frame.turn;
        // While the agent answers, it alone keeps the process alive.
        socket.unref();
        yield JSON.parse(texts.join(""));
        socket.ref();
        texts = [];
      }
    }
  }

  // Say that the agent is loaded.
  tellReady() {
    this.#send({ type: "ready" });
  }

  // Pass on a piece of the answer, which is shown at once.
  tellPiece(text) {
    for (const [part] of parts(text)) {
      this.#send({ type: "piece", turn: this.#turn, text: part });
    }
  }

  // End the answer with what no piece held.
  tellAnswer(text) {
    for (const [part, isLast] of parts(text)) {
      this.#send({ type: "answer", turn: this.#turn, text: part, is_last: isLast });
    }
  }

  // Say that there is no answer, and why.
  tellFailed(reason, message) {
    const text = wholeCharacters(message).slice(0, MAX_FAILURE);
    this.#send({ type: "failed", turn: this.#turn, reason, message: text });
  }

  // Say why the process is about to end.
  tellEnding(reason, message) {
    this.#turn = null;
    this.tellFailed(reason, message);
  }

  // Written at once: nothing is lost when the agent ends the process, and one that floods waits.
  #send(event) {
    const body = Buffer.from(JSON.stringify(event));
    const length = Buffer.alloc(LENGTH);
    length.writeUInt32BE(body.length);
    let rest = Buffer.concat([length, body]);
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(EVENTS_FD, rest));
    } catch (error) {
      // The runner has dismissed this process: nobody waits for what it has to say.
      if (error.code === "EPIPE") process.exit();
      throw error;
    }
  }
}

async function* framesOf(socket) {
  let waiting = Buffer.alloc(0);
  for await (const chunk of socket) {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= LENGTH) {
      const end = LENGTH + waiting.readUInt32BE();
      if (waiting.length < end) break;
      yield JSON.parse(waiting.toString("utf8", LENGTH, end));
      waiting = waiting.subarray(end);
    }
  }
}

// Replace halves of characters: no UTF-8 holds them.
export function wholeCharacters(text) {
  return Buffer.from(text).toString();
}

function* parts(text) {
  let start = 0;
  do {
    let end = Math.min(start + MAX_TEXT, text.length);
    // A character of two units stays whole.
    if (end < text.length && text.charCodeAt(end) >> 10 === 0xdc00 >> 10) end -= 1;
    yield [text.slice(start, end), end === text.length];
    start = end;
  } while (start < text.length);
}
