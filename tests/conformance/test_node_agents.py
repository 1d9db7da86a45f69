"""The forms that a Node.js handler may have, and how it fails."""

import pytest
from tests.conformance.outcomes import Fails, assert_outcome
from tests.conformance.runtimes import NODE
from tests.conformance.stage import Stage

Files = dict[str, str]

# Each answers "hi" with "hi!".
NODE_FORMS: dict[str, Files] = {
    "CommonJS": {"index.js": "exports.processMessage = (m) => m + '!';"},
    "CommonJS object": {
        "index.js": "const processMessage = (m) => m + '!';\n"
        "module.exports = Object.assign({}, { processMessage });"
    },
    "CommonJS file": {"index.cjs": "exports.processMessage = (m) => m + '!';"},
    "CommonJS in a package": {
        "package.json": '{"type": "commonjs"}',
        "index.js": "exports.processMessage = require('./say').say;",
        "say.js": "exports.say = (m) => m + '!';",
    },
    "ES module": {
        "package.json": '{"type": "module"}',
        "index.js": "import { say } from './say.js';\nexport const processMessage = say;",
        "say.js": "export const say = (m) => m + '!';",
    },
    "ES module file": {"index.mjs": "export function processMessage(m) { return m + '!'; }"},
    "ES module that awaits": {
        "index.mjs": "const end = await Promise.resolve('!');\n"
        "export const processMessage = (m) => m + end;"
    },
    "default object": {"index.mjs": "export default { processMessage: (m) => m + '!' };"},
    "folder": {"index/index.js": "exports.processMessage = (m) => m + '!';"},
    "promise": {"index.js": "exports.processMessage = (m) => Promise.resolve(m + '!');"},
    "async function": {"index.js": "exports.processMessage = async (m) => m + '!';"},
    "async iterable": {
        "index.js": "exports.processMessage = async function* (m) {\n"
        "  yield m; yield ''; yield '!'; };"
    },
    "promise of an iterable": {
        "index.js": "async function* say(m) { yield m; yield '!'; }\n"
        "exports.processMessage = async (m) => say(m);"
    },
    "generator": {"index.js": "exports.processMessage = function* (m) { yield m; yield '!'; };"},
    "stream": {
        "index.js": "const { Readable } = require('node:stream');\n"
        "exports.processMessage = (m) => Readable.from([m, '!']);"
    },
    "web stream": {
        "index.mjs": "export const processMessage = (m) => new ReadableStream({ start(c) {\n"
        "  c.enqueue(m); c.enqueue('!'); c.close(); } });"
    },
}


@pytest.mark.parametrize("form", NODE_FORMS)
def test_a_node_handler_may_be_a(stage: Stage, form: str) -> None:
    stage.put(NODE_FORMS[form], **NODE.entry())
    stage.start()
    for _ in range(2):
        assert_outcome(stage.ask("hi"), "hi!")


@pytest.mark.parametrize("handler", ["lib.chat.processMessage", "lib/chat.processMessage"])
def test_a_node_handler_may_be_in_a_folder(stage: Stage, handler: str) -> None:
    code = "exports.processMessage = (m) => m + '!';"
    stage.put({"lib/chat.js": code}, **NODE.entry(handler=handler))
    stage.start()
    assert_outcome(stage.ask("hi"), "hi!")


def test_what_runs_in_its_event_loop_runs_on_between_turns(stage: Stage) -> None:
    code = (
        "const { writeFileSync } = require('node:fs');\nlet calls = 0;\n"
        "exports.processMessage = () => {\n"
        "  if (calls++) return 'the same loop';\n"
        "  setTimeout(() => writeFileSync(process.env.RAWORC_STATE_DIR + '/ticks', ''), 50);\n"
        "  return 'begun';\n};"
    )
    stage.put({"index.js": code}, **NODE.entry())
    stage.start()
    assert_outcome(stage.ask("hi"), "begun")
    # No message comes meanwhile.
    stage.wait((stage.state / "ticks").exists)
    assert_outcome(stage.ask("hi"), "the same loop")


# How an agent cannot be loaded: its files, its handler, and what the message fails with.
NODE_FAULTS: dict[str, tuple[Files, str, Fails]] = {
    "an error": (
        {"index.js": "function f() {\n  null.x;\n}\nf();"},
        "index.f",
        Fails("LoadFailed", "TypeError: Cannot read properties of null (reading 'x')\n"),
    ),
    "the place of an error": (
        {"index.js": "function f() {\n  null.x;\n}\nf();"},
        "index.f",
        Fails("LoadFailed", "index.js:4 in Object.<anonymous>\n  index.js:2 in f"),
    ),
    "a syntax error": (
        {"index.js": "\nfunction f( {"},
        "index.f",
        Fails("LoadFailed", "index.js:2"),
    ),
    "a syntax error in an ES module": (
        {"index.mjs": "import './say.mjs';", "say.mjs": "\n\nexport function (;"},
        "index.f",
        Fails("LoadFailed", "say.mjs:3"),
    ),
    "a missing package": (
        {"index.js": "require('nothing-here');"},
        "index.f",
        Fails("LoadFailed", "Cannot find module 'nothing-here'"),
    ),
    "a missing package of an ES module": (
        {"index.mjs": "import 'nothing-here';"},
        "index.f",
        Fails("LoadFailed", "Cannot find package 'nothing-here'"),
    ),
    "a missing library": (
        {"index.js": "require('./addon.node');", "addon.node": "no library"},
        "index.f",
        Fails("LoadFailed", "addon.node: file too short"),
    ),
    "no function": ({"index.js": ""}, "index.f", Fails("HandlerNotFound", "exports no 'f'")),
    "another kind": (
        {"index.js": "exports.f = [1];"},
        "index.f",
        Fails("HandlerNotFound", "'index.f' is of type 'Array', not a function"),
    ),
    "no module": ({}, "other.f", Fails("HandlerNotFound", "no module 'other'")),
    "an exit": ({"index.js": "process.exit(7)"}, "index.f", Fails("LoadFailed", "code 7")),
    "a wait without an end": (
        {"index.mjs": "await new Promise(() => {});"},
        "index.f",
        Fails("LoadFailed", "code 13"),
    ),
}


@pytest.mark.parametrize("fault", NODE_FAULTS)
def test_a_node_agent_that_cannot_be_loaded_says_why(stage: Stage, fault: str) -> None:
    files, handler, fails = NODE_FAULTS[fault]
    stage.put(files, **NODE.entry(handler=handler))
    stage.start()
    for _ in range(2):
        assert_outcome(stage.ask("hi"), fails)


# What a handler of Node.js may do wrong: its body, and what the message fails with.
NODE_FAILURES: dict[str, tuple[str, Fails]] = {
    "a number": ("return 42;", Fails("InvalidAnswer", "returned a value of type 'number'")),
    "nothing": ("", Fails("InvalidAnswer", "a value of type 'undefined'; it must be a string")),
    "null": ("return null;", Fails("InvalidAnswer", "of type 'null'")),
    "a list": ("return ['a'];", Fails("InvalidAnswer", "of type 'Array'")),
    "bytes in pieces": (
        "return (async function* () { yield Buffer.from('a'); })();",
        Fails("InvalidAnswer", "yielded a value of type 'Buffer'"),
    ),
    "endless pieces": (
        "return (function* () { for (;;) yield 'x'.repeat(1e6); })();",
        Fails("AnswerTooLarge", "longer than 16 MiB"),
    ),
    "a rejection": (
        "return Promise.reject(new Error('refused'));",
        Fails("AgentError", "Error: refused\n  index.js:1 in "),
    ),
    "a thrown text": ("throw 'words';", Fails("AgentError", "'words' was thrown.")),
    "an error without a text": (
        "throw Object.defineProperty(new Error(), 'message', { get() { throw 1; } });",
        Fails("AgentError", "text cannot be read"),
    ),
    "a recursion": ("return exports.processMessage('bad');", Fails("AgentError", "RangeError")),
    "an error beside the handler": (
        "return new Promise(() => setTimeout(() => { throw new Error('astray'); }));",
        Fails("AgentError", "Error: astray\n  index.js:1 in "),
    ),
    "a rejection beside the handler": (
        "return new Promise(() => { Promise.reject(new Error('astray')); });",
        Fails("AgentError", "Error: astray"),
    ),
    "a wait without an end": (
        "return new Promise(() => {});",
        Fails("AgentError", "something that can never come"),
    ),
}


@pytest.mark.parametrize("failure", NODE_FAILURES)
def test_a_node_handler_that_fails_says_why_and_the_next_message_works(
    stage: Stage, failure: str
) -> None:
    body, fails = NODE_FAILURES[failure]
    code = f"exports.processMessage = (m) => {{ if (m === 'good') return 'fine'; {body} }};"
    stage.put({"index.js": code}, **NODE.entry())
    stage.start()
    assert_outcome(stage.ask("bad"), fails)
    assert_outcome(stage.ask("good"), "fine")


def test_halves_of_characters_become_marks_and_whole_ones_stay_whole(stage: Stage) -> None:
    code = "exports.processMessage = () => 'x' + '🌍'.repeat(40000) + '\\ud83c';"
    stage.put({"index.js": code}, **NODE.entry())
    stage.start()
    assert_outcome(stage.ask("hi"), "x" + "🌍" * 40000 + "\ufffd")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("process.on('exit', () => console.log('on exit'));", "on exit"),
        ("process.on('SIGTERM', () => { console.log('asked'); process.exit(); });", "asked"),
    ],
)
def test_a_node_agent_that_is_stopped_may_clean_up(stage: Stage, code: str, words: str) -> None:
    handler = "exports.processMessage = () => new Promise((end) => setTimeout(end, 600000));"
    stage.put({"index.js": f"{code}\n{handler}"}, **NODE.entry())
    stage.start()
    turn = stage.give("hang")
    stage.wait(lambda: turn.is_loaded)
    turn.stop()
    stage.wait(lambda: f"[agent] {words}" in stage.output())
