//! Encodes texts for `scripts/check_tokenizers.py`, which holds whole vocabularies against their own tokenizers.
//!
//! Takes a GGUF file or a model's folder, reads a text in JSON a line, and writes its ids, a list a line. Nothing in a text
//! is special.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;

use tunewright::model::Tokenizer;
use tunewright::model::weights::gguf::GgufFile;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("it needs a GGUF file or a folder")?;
    let path = Path::new(&path);
    let tokenizer =
        if path.is_dir() { Tokenizer::from_folder(path)? } else { Tokenizer::from_gguf(&GgufFile::open(path)?)? };
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let text: String = serde_json::from_str(&line?)?;
        let ids: Vec<u32> = tokenizer.encode_text(&text)?.into_iter().map(|(id, _)| id).collect();
        writeln!(output, "{}", serde_json::to_string(&ids)?)?;
    }
    Ok(())
}
