//! A list of objects, an object with one such list in it, or objects one after the other that span several lines.
//! The document is never held as a whole: rows are cut out of the bytes by their brackets and parsed one by one.

use std::io::{BufRead, BufReader};

use super::json_columns::{self, Turned, TurnedRows};
use super::rows::{KEPT_OF_LONG_ROW, Rows, object_row, parse_object, size, too_long};
use super::source::{BYTE_ORDER_MARK, Source};
use crate::data::error::ImportError;
use crate::data::note::Note;
use crate::data::row::{Content, Problem, RawRow};
use crate::data::shapes;

/// Where the rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// `[{…}, {…}]`
    List,
    /// `{"data": [{…}, {…}], "version": 1}`
    Wrapper,
    /// `{…} {…}`
    None,
}

enum State {
    Start,
    InRows,
    /// In the wrapper, outside its list.
    InWrapper,
    AfterWrapper,
    End,
}

pub struct JsonDocument<'a> {
    scanner: Scanner<'a>,
    container: Container,
    state: State,
    /// The key of the wrapper's list that was read.
    list: Option<String>,
    /// The wrapper's other fields: where it has no list, they may be columns, or those of a single row.
    skipped: Skipped,
    turned: Option<TurnedRows>,
    max_row_bytes: usize,
}

impl<'a> JsonDocument<'a> {
    pub fn new(input: BufReader<Source<'a>>, container: Container, max_row_bytes: usize) -> Self {
        Self {
            scanner: Scanner { input, line: 1 },
            container,
            state: State::Start,
            list: None,
            skipped: Skipped::default(),
            turned: None,
            max_row_bytes,
        }
    }

    fn start(&mut self) -> Result<State, ImportError> {
        if self.container == Container::None {
            return Ok(State::InRows);
        }
        self.scanner.peek()?;
        self.scanner.skip_byte();
        Ok(if self.container == Container::List { State::InRows } else { State::InWrapper })
    }

    /// Walks the wrapper's keys up to its list of objects.
    fn find_list(&mut self) -> Result<State, ImportError> {
        loop {
            match self.scanner.peek()? {
                Some(b',') => self.scanner.skip_byte(),
                Some(b'"') => {
                    let key = self.scanner.take_value(KEPT_KEY_BYTES)?;
                    if self.scanner.peek()? == Some(b':') {
                        self.scanner.skip_byte();
                    }
                    if self.is_list_of_objects(&key)? {
                        return self.enter_list(key.text());
                    }
                }
                Some(b'}') if self.list.is_some() => {
                    self.scanner.skip_byte();
                    return Ok(State::AfterWrapper);
                }
                _ if self.list.is_some() => return Ok(State::End),
                end => return self.without_list(end),
            }
        }
    }

    /// Consumes the value of a key, but of a list of objects only its bracket. The turns of a row aren't such a list.
    fn is_list_of_objects(&mut self, key: &Taken) -> Result<bool, ImportError> {
        let mut start: &[u8] = b"";
        if self.scanner.peek()? == Some(b'[') {
            self.scanner.skip_byte();
            if self.scanner.peek()? == Some(b'{') && !(shapes::holds_turns(&key.text()) && self.scanner.is_at_turn()?) {
                return Ok(true);
            }
            start = b"[";
        }
        let room = if self.list.is_some() { 0 } else { self.skipped.room(self.max_row_bytes) };
        let value = match start {
            b"[" => self.scanner.take_rest_of_container(room)?,
            _ => self.scanner.take_value(room)?,
        };
        self.skipped.add(key, start, &value);
        Ok(false)
    }

    /// At the end of a wrapper without a list of objects: it holds columns, or is a single row, which others may follow.
    fn without_list(&mut self, end: Option<u8>) -> Result<State, ImportError> {
        let path = self.scanner.path();
        if self.skipped.is_too_long {
            let what = format!(
                "no list of objects was found in it, and a document of columns is read up to {} (--max-row)",
                size(self.max_row_bytes)
            );
            return Err(ImportError::NoRows { path, what });
        }
        let text = self.skipped.take();
        let (document, unread) = match parse_object(&text) {
            Ok((Content::Object(document), unread)) if end == Some(b'}') => (document, unread),
            _ => return Err(ImportError::NoRows { path, what: "no list of objects was found in it".to_owned() }),
        };
        self.scanner.skip_byte();
        self.container = Container::None;
        match json_columns::turn(document, unread) {
            Turned::Unclear(what) => {
                Err(ImportError::UnknownShape { path, what: format!("{what}: bring a list of objects") })
            }
            Turned::Rows(rows) => {
                self.turned = Some(rows);
                Ok(State::InRows)
            }
            Turned::OneRow => {
                let row = object_row(1, &text);
                self.turned = Some(TurnedRows::one(row));
                Ok(State::InRows)
            }
        }
    }

    fn enter_list(&mut self, key: String) -> Result<State, ImportError> {
        if let Some(first) = &self.list {
            let lists = format!("{first}, {key}");
            return Err(ImportError::SeveralLists { path: self.scanner.path(), lists });
        }
        self.list = Some(key);
        Ok(State::InRows)
    }

    /// The next row of the list, or `None` where it ends; sets the state that follows.
    fn row_of_list(&mut self) -> Result<Option<RawRow>, ImportError> {
        if let Some(row) = self.turned.as_mut().and_then(TurnedRows::next_row) {
            return Ok(Some(row));
        }
        loop {
            let next = self.scanner.peek()?;
            let line = self.scanner.line;
            match next {
                Some(b',') => self.scanner.skip_byte(),
                Some(b']') if self.container != Container::None => {
                    self.scanner.skip_byte();
                    self.state = match self.container {
                        Container::Wrapper => State::InWrapper,
                        _ => State::End,
                    };
                    return if self.container == Container::List { self.check_nothing_follows() } else { Ok(None) };
                }
                None if self.container == Container::None => {
                    self.state = State::End;
                    return Ok(None);
                }
                None => {
                    self.state = State::End;
                    return Ok(Some(broken(line, String::new(), "the file is cut off: it ends before its list does")));
                }
                Some(b']' | b'}' | b':') => {
                    self.state = State::End;
                    let reason = "the brackets don't match here, and nothing from here on could be read";
                    return Ok(Some(broken(line, String::new(), reason)));
                }
                Some(_) => {
                    let taken = self.scanner.take_value(self.max_row_bytes)?;
                    if taken.is_cut_off {
                        self.state = State::End;
                    }
                    return Ok(Some(taken.into_row(line, self.max_row_bytes)));
                }
            }
        }
    }

    fn check_nothing_follows(&mut self) -> Result<Option<RawRow>, ImportError> {
        match self.scanner.peek()? {
            None => Ok(None),
            Some(_) => {
                let line = self.scanner.line;
                Ok(Some(broken(line, String::new(), "there is text after the end of the list, which was not read")))
            }
        }
    }
}

impl Rows for JsonDocument<'_> {
    fn next_row(&mut self) -> Result<Option<RawRow>, ImportError> {
        loop {
            match self.state {
                State::Start => self.state = self.start()?,
                State::InWrapper => self.state = self.find_list()?,
                State::InRows => {
                    if let Some(row) = self.row_of_list()? {
                        return Ok(Some(row));
                    }
                }
                State::AfterWrapper => {
                    self.state = State::End;
                    return self.check_nothing_follows();
                }
                State::End => return Ok(None),
            }
        }
    }

    fn notes(&self) -> Vec<Note> {
        let layout = self.turned.as_ref().and_then(TurnedRows::layout_in_words);
        layout.map(|what| Note { what: what.to_owned(), count: 1, first: None }).into_iter().collect()
    }
}

fn broken(line: u64, source: String, reason: &str) -> RawRow {
    RawRow::bad(line, source, Problem::row(reason))
}

const KEPT_KEY_BYTES: usize = 1000;

/// Fields of a wrapper as the text of an object, as far as there is room.
#[derive(Default)]
struct Skipped {
    text: Vec<u8>,
    is_too_long: bool,
}

impl Skipped {
    fn room(&self, max_bytes: usize) -> usize {
        max_bytes.saturating_sub(self.text.len() + KEPT_KEY_BYTES)
    }

    fn add(&mut self, key: &Taken, start: &[u8], value: &Taken) {
        self.is_too_long |= key.is_too_long || value.is_too_long;
        if self.is_too_long {
            self.text = Vec::new();
            return;
        }
        self.text.push(if self.text.is_empty() { b'{' } else { b',' });
        for part in [&key.bytes, b":".as_slice(), start, &value.bytes] {
            self.text.extend_from_slice(part);
        }
    }

    fn take(&mut self) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.text);
        text.extend_from_slice(if text.is_empty() { b"{}" } else { b"}" });
        text
    }
}

/// How a turn may begin, after its bracket.
const TURN_KEYS: [&[u8]; 8] =
    [b"\"role\"", b"\"from\"", b"\"content\"", b"\"value\"", b"\"parts\"", b"\"human\"", b"\"user\"", b"\"weight\""];

/// Cuts values out of JSON text by their brackets and quotes, without understanding them.
struct Scanner<'a> {
    input: BufReader<Source<'a>>,
    line: u64,
}

/// A value's text: all of it, unless it was longer than the limit or the file ended within it.
struct Taken {
    bytes: Vec<u8>,
    is_too_long: bool,
    is_cut_off: bool,
}

impl Taken {
    /// A key without its quotes.
    fn text(&self) -> String {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| String::from_utf8_lossy(&self.bytes).into_owned())
    }

    fn into_row(self, line: u64, max_row_bytes: usize) -> RawRow {
        if self.is_cut_off {
            let shown = &self.bytes[..self.bytes.len().min(KEPT_OF_LONG_ROW)];
            let reason = "the file ends before this row does: it is cut off, or a bracket or quote is missing";
            return broken(line, String::from_utf8_lossy(shown).into_owned(), reason);
        }
        if self.is_too_long {
            return too_long(line, &self.bytes, max_row_bytes);
        }
        object_row(line, &self.bytes)
    }
}

impl Scanner<'_> {
    fn path(&self) -> std::path::PathBuf {
        self.input.get_ref().path.to_owned()
    }

    fn fill(&mut self) -> Result<&[u8], ImportError> {
        if let Err(e) = self.input.fill_buf() {
            return Err(self.input.get_ref().error(e));
        }
        Ok(self.input.buffer())
    }

    /// The next byte that isn't white space; it stays.
    fn peek(&mut self) -> Result<Option<u8>, ImportError> {
        loop {
            let chunk = self.fill()?;
            if chunk.is_empty() {
                return Ok(None);
            }
            // Joined files have byte order marks between their rows; no value begins with a byte of one.
            let is_blank = |b: &&u8| b.is_ascii_whitespace() || BYTE_ORDER_MARK.contains(b);
            let blank = chunk.iter().take_while(is_blank).count();
            let next = chunk.get(blank).copied();
            let num_breaks = count_breaks(&chunk[..blank]);
            self.line += num_breaks;
            self.input.consume(blank);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// Whether the object that begins here says who speaks, or what, before anything else.
    fn is_at_turn(&mut self) -> Result<bool, ImportError> {
        let chunk = self.fill()?;
        let inner = chunk.get(1..).unwrap_or_default().trim_ascii_start();
        Ok(TURN_KEYS.iter().any(|key| inner.starts_with(key)))
    }

    fn skip_byte(&mut self) {
        self.input.consume(1);
    }

    /// Consumes one value and keeps its first `limit` bytes.
    fn take_value(&mut self, limit: usize) -> Result<Taken, ImportError> {
        self.take(limit, 0)
    }

    /// Consumes up to the bracket that closes the container whose opening bracket is already consumed.
    fn take_rest_of_container(&mut self, limit: usize) -> Result<Taken, ImportError> {
        self.take(limit, 1)
    }

    fn take(&mut self, limit: usize, depth: u64) -> Result<Taken, ImportError> {
        let mut taken = Taken { bytes: Vec::new(), is_too_long: false, is_cut_off: false };
        let mut cutter = Cutter { depth, is_in_string: false, is_escaped: false, is_in_scalar: false };
        loop {
            let chunk = self.fill()?;
            if chunk.is_empty() {
                taken.is_cut_off = !cutter.is_in_scalar;
                return Ok(taken);
            }
            let (num_bytes, is_done) = cutter.cut(chunk);
            let kept = num_bytes.min(limit - taken.bytes.len());
            taken.is_too_long |= kept < num_bytes;
            taken.bytes.extend_from_slice(&chunk[..kept]);
            let num_breaks = count_breaks(&chunk[..num_bytes]);
            self.line += num_breaks;
            self.input.consume(num_bytes);
            if is_done {
                return Ok(taken);
            }
        }
    }
}

fn count_breaks(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

/// Knows where a value ends, across chunks.
struct Cutter {
    depth: u64,
    is_in_string: bool,
    is_escaped: bool,
    is_in_scalar: bool,
}

impl Cutter {
    /// How many bytes of `chunk` belong to the value, and whether it ends there.
    fn cut(&mut self, chunk: &[u8]) -> (usize, bool) {
        for (at, byte) in chunk.iter().enumerate() {
            if self.is_in_string {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => {
                        self.is_in_string = false;
                        if self.depth == 0 {
                            return (at + 1, true);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n' if self.is_in_scalar => return (at, true),
                b'"' => self.is_in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                _ => self.is_in_scalar = self.depth == 0,
            }
        }
        (chunk.len(), false)
    }
}
