//! Does what a message says: the Rust side of the conformance suite, without a crate.
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{exit, Command, Stdio};
use std::{env, thread, time::Duration};

fn main() {
    let order = whole_order();
    let message = env::args().nth(1).unwrap_or_else(|| long_message(&order));
    let (word, rest) = message.split_once(' ').unwrap_or((&message, ""));
    match word {
        "echo" => println!("{rest}"),
        "context" => println!("{}", env::var("AGENT_CONTEXT").unwrap()),
        "places" => places(&order),
        "count" => println!("1"),
        "size" => println!("{}", sizes(rest, &order)),
        "pid" => println!("{}", std::process::id()),
        "print" => remark(),
        "fail" => panic!("no such thing"),
        "exit" => exit(rest.parse().unwrap()),
        "signal" => signal(rest),
        "stream" => stream(),
        "long" => print!("{}", "x".repeat(rest.parse().unwrap())),
        "hang" => loop {
            thread::sleep(Duration::from_secs(600));
        },
        "leave" => println!("{}", run("(exec setsid sleep 600 >/dev/null 2>&1) & echo $!")),
        "look" => look(),
        "descriptors" => println!("{}", run("ls -l /proc/self/fd")),
        _ => panic!("no command '{word}'"),
    }
}

/// What is on the standard input: the message and its context as JSON.
fn whole_order() -> String {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).unwrap();
    text
}

/// A message that no argument holds; those of the suite have nothing that JSON escapes.
fn long_message(order: &str) -> String {
    order["{\"message\": \"".len()..order.find("\", \"context\": ").unwrap()].to_string()
}

/// Where a binary may look: its input, its argument and its environment.
fn places(order: &str) {
    let argument = env::args().nth(1).unwrap_or_default();
    let [message, handler] =
        ["AGENT_MESSAGE", "RAWORC_HANDLER"].map(|name| env::var(name).unwrap_or_default());
    println!("{order}\n{argument}\n{message}\n{handler}");
}

fn sizes(rest: &str, order: &str) -> String {
    let entries = order.matches("\"content\": ").count();
    format!("{} {} {}", rest.matches('y').count(), entries, order.matches('q').count())
}

fn remark() {
    eprintln!("a remark\na complaint");
    run("echo a child >&2");
    println!("the answer");
}

fn signal(name: &str) {
    let name = name.trim_start_matches("SIG");
    run(&format!("kill -{name} {}", std::process::id()));
    thread::sleep(Duration::from_secs(600));
}

fn stream() {
    print!("first, ");
    io::stdout().flush().unwrap();
    let gate = format!("{}/gate", env::var("RAWORC_STATE_DIR").unwrap());
    while !Path::new(&gate).exists() {
        thread::sleep(Duration::from_millis(5));
    }
    println!("last");
}

fn look() {
    let folder = env::current_dir().unwrap();
    let variables: Vec<String> = env::vars()
        .filter(|(name, _)| name != "AGENT_CONTEXT")
        .map(|(name, value)| format!("{name:?}: {value:?}"))
        .collect();
    println!("{{\"folder\": {folder:?}, \"environment\": {{{}}}}}", variables.join(", "));
}

fn run(script: &str) -> String {
    let shell = Command::new("/bin/sh").args(["-c", script]).stderr(Stdio::inherit()).output();
    String::from_utf8(shell.unwrap().stdout).unwrap().trim().to_string()
}
