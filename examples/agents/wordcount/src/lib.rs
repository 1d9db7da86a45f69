//! Counts words and letters as readers do: an emoji is one, however many parts it has.
use unicode_segmentation::UnicodeSegmentation;

/// Answer a message.
pub fn count_words(message: &str) -> String {
    let words = message.unicode_words().count();
    let letters = message.graphemes(true).filter(|each| !each.trim().is_empty()).count();
    format!("{words} words, {letters} letters")
}
