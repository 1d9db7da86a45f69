//! What Raworc runs for each message: it says in RAWORC_HANDLER which function is to answer.
use std::env;

fn main() {
    let message = env::args().nth(1).expect("a message as the first argument");
    match env::var("RAWORC_HANDLER").as_deref() {
        Ok("lib.count_words") => println!("{}", wordcount::count_words(&message)),
        other => panic!("unknown handler {other:?}"),
    }
}
