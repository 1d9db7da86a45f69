// An agent in Node.js: an ES module with a package of its own, whose answer comes in pieces.
import ms from "ms";

export async function* processMessage(message, _context) {
  for (const text of message.split(",").map((part) => part.trim())) {
    const milliseconds = ms(text);
    yield milliseconds === undefined
      ? `I do not know how long '${text}' is.\n`
      : `${text}: ${milliseconds / 1000} seconds\n`;
  }
}
