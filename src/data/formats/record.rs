//! One row of a table, cut out of the text as its dialect says.

/// What quote marks and backslashes mean in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// Quote marks enclose cells, and one within is doubled: RFC 4180, spreadsheets.
    Doubled,
    /// Quote marks enclose cells, and one within has a backslash before it: R, MySQL.
    Backslash,
    /// They are text.
    None,
    /// They are text, and a backslash comes before what would end a cell: Python's `QUOTE_NONE` with an `escapechar`.
    Escapes,
}

impl Quoting {
    pub fn encloses(self) -> bool {
        matches!(self, Self::Doubled | Self::Backslash)
    }
}

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    pub delimiter: u8,
    pub quoting: Quoting,
    /// Spaces come before cells, as people write lists.
    pub is_spaced: bool,
    /// What ends a line: `\n`, maybe with `\r` before it, or `\r` alone.
    pub line_end: u8,
}

/// Where a cell's text is in its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    start: usize,
    end: usize,
    /// Whether it was in quote marks, which are not part of it.
    pub is_enclosed: bool,
    has_escapes: bool,
}

impl Cell {
    pub fn raw<'a>(&self, row: &'a [u8]) -> &'a [u8] {
        row.get(self.start..self.end).unwrap_or_default()
    }

    /// The cell's text, in that of its row.
    pub fn text(&self, row: &str, dialect: Dialect) -> String {
        let raw = row.get(self.start..self.end).unwrap_or_default();
        match (self.has_escapes, dialect.quoting) {
            (false, _) | (true, Quoting::None) => raw.to_owned(),
            (true, Quoting::Doubled) => raw.replace("\"\"", "\""),
            (true, _) => unescaped(raw, dialect),
        }
    }
}

/// A cell's text without backslashes where they guard something; before anything else they are text.
fn unescaped(raw: &str, dialect: Dialect) -> String {
    let is_guarded = |next: char| match dialect.quoting {
        Quoting::Backslash => matches!(next, '"' | '\\'),
        _ => matches!(next, '"' | '\\' | '\r' | '\n') || next == char::from(dialect.delimiter),
    };
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        let is_guard = match c {
            '\\' => next.is_some_and(is_guarded),
            '"' => dialect.quoting == Quoting::Backslash && next == Some('"'),
            _ => false,
        };
        match (is_guard, next) {
            (true, Some(next)) => {
                text.push(next);
                chars.next();
            }
            _ => text.push(c),
        }
    }
    text
}

/// A row's extent; its cells are beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// With its line break.
    pub len: usize,
    /// Without it.
    pub body: usize,
    /// A line break ended it, not the end of the text.
    pub is_ended: bool,
    pub num_enclosed: usize,
    /// Cells with quote marks that enclose nothing, where quote marks do.
    pub num_loose: usize,
    /// One of them opens, and no other closes it within its cell or up to the end of the text.
    pub is_unclosed: bool,
}

/// The first row of `text`, which must not be empty; `None` where more text is needed to know where it ends. `is_end`:
/// no more comes.
pub fn split(text: &[u8], dialect: Dialect, is_end: bool, cells: &mut Vec<Cell>) -> Option<Record> {
    cells.clear();
    let splitter = Splitter { text, dialect, is_end };
    let mut record = Record::default();
    let mut at = 0;
    loop {
        while dialect.is_spaced && text.get(at) == Some(&b' ') {
            at += 1;
        }
        let (cell, behind) = match splitter.enclosed(at)? {
            Enclosed::Cell(cell, behind) => {
                record.num_enclosed += 1;
                (cell, behind)
            }
            not => {
                let bare = splitter.bare(at)?;
                let raw = bare.0.raw(text);
                if dialect.quoting.encloses() && raw.contains(&b'"') {
                    record.num_loose += 1;
                    let is_lone = raw.starts_with(b"\"") && !raw[1..].contains(&b'"');
                    record.is_unclosed |= is_lone || not == Enclosed::Unclosed;
                }
                bare
            }
        };
        cells.push(cell);
        let end = cell.end + usize::from(cell.is_enclosed);
        match behind {
            Behind::Delimiter => at = end + 1,
            Behind::Text => return None,
            Behind::LineBreak(len) => {
                return Some(Record { len: end + len, body: end, is_ended: true, ..record });
            }
            Behind::End(len) => return Some(Record { len: end + len, body: end, ..record }),
        }
    }
}

/// What follows a cell.
#[derive(Clone, Copy, PartialEq)]
enum Behind {
    Delimiter,
    /// And its length.
    LineBreak(usize),
    /// The end of the text, and the length of what is left of a line break before it.
    End(usize),
    Text,
}

#[derive(PartialEq)]
enum Enclosed {
    Cell(Cell, Behind),
    /// There is no quote mark, or text follows the one that closes.
    No,
    Unclosed,
}

struct Splitter<'a> {
    text: &'a [u8],
    dialect: Dialect,
    is_end: bool,
}

impl Splitter<'_> {
    fn behind(&self, at: usize) -> Option<Behind> {
        let Dialect { delimiter, line_end, .. } = self.dialect;
        match (self.text.get(at), self.text.get(at + 1)) {
            (Some(byte), _) if *byte == delimiter => Some(Behind::Delimiter),
            (Some(byte), _) if *byte == line_end => Some(Behind::LineBreak(1)),
            (Some(b'\r'), Some(b'\n')) => Some(Behind::LineBreak(2)),
            (None, _) => self.is_end.then_some(Behind::End(0)),
            (Some(b'\r'), None) => self.is_end.then_some(Behind::End(1)),
            _ => Some(Behind::Text),
        }
    }

    /// A cell in quote marks. It is one only if a delimiter or the line's end follows it.
    fn enclosed(&self, start: usize) -> Option<Enclosed> {
        if !self.dialect.quoting.encloses() || self.text.get(start) != Some(&b'"') {
            return Some(Enclosed::No);
        }
        let has_guards = self.dialect.quoting == Quoting::Backslash;
        let mut has_escapes = false;
        let mut at = start + 1;
        loop {
            let is_mark = |byte: &u8| *byte == b'"' || has_guards && *byte == b'\\';
            let Some(found) = self.text[at..].iter().position(is_mark) else {
                return self.is_end.then_some(Enclosed::Unclosed);
            };
            at += found;
            match (self.text[at], self.text.get(at + 1)) {
                (_, None) if !self.is_end => return None,
                (b'"', Some(b'"')) => (at, has_escapes) = (at + 2, true),
                (b'\\', Some(b'"' | b'\\')) => (at, has_escapes) = (at + 2, true),
                (b'\\', _) => at += 1,
                _ => break,
            }
        }
        let cell = Cell { start: start + 1, end: at, is_enclosed: true, has_escapes };
        Some(match self.behind(at + 1)? {
            Behind::Text => Enclosed::No,
            behind => Enclosed::Cell(cell, behind),
        })
    }

    /// A cell up to the next delimiter or the line's end.
    fn bare(&self, start: usize) -> Option<(Cell, Behind)> {
        let Dialect { delimiter, quoting, line_end, .. } = self.dialect;
        let has_guards = quoting == Quoting::Escapes;
        let mut has_escapes = false;
        let (mut from, mut at) = (start, start);
        loop {
            let is_mark = |byte: &u8| *byte == delimiter || *byte == line_end || has_guards && *byte == b'\\';
            match self.text[at..].iter().position(is_mark) {
                Some(found) => at += found,
                None if self.is_end => at = self.text.len(),
                None => return None,
            }
            if has_guards && self.text.get(at) == Some(&b'\\') {
                has_escapes = true;
                let is_break = self.text[at..].get(1..3).is_some_and(|next| next == b"\r\n");
                at = (at + if is_break { 3 } else { 2 }).min(self.text.len());
                from = at;
                continue;
            }
            break;
        }
        // A carriage return belongs to the line break, unless a backslash guards it.
        let is_delimiter = self.text.get(at) == Some(&delimiter);
        let is_half_break = line_end == b'\n' && !is_delimiter && at > from && self.text[at - 1] == b'\r';
        let end = at - usize::from(is_half_break);
        let len = at - end;
        let behind = match self.text.get(at) {
            None => Behind::End(len),
            Some(_) if is_delimiter => Behind::Delimiter,
            Some(_) => Behind::LineBreak(len + 1),
        };
        Some((Cell { start, end, is_enclosed: false, has_escapes }, behind))
    }
}

/// How many lines these are, if each of them is a row with `num_cells` cells where quote marks are text.
pub fn lines_that_are_rows(text: &[u8], dialect: Dialect, num_cells: usize) -> Option<usize> {
    let is_row = |line: &[u8]| line.iter().filter(|b| **b == dialect.delimiter).count() + 1 == num_cells;
    let mut num_lines = 0;
    for line in text.split(|b| *b == dialect.line_end) {
        if !is_row(line) {
            return None;
        }
        num_lines += 1;
    }
    (num_cells > 1).then_some(num_lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, quoting: Quoting) -> Vec<Vec<String>> {
        let dialect = Dialect { delimiter: b',', quoting, is_spaced: false, line_end: b'\n' };
        let (mut rest, mut cells, mut rows) = (text, Vec::new(), Vec::new());
        while !rest.is_empty() {
            let record = split(rest.as_bytes(), dialect, true, &mut cells).unwrap();
            rows.push(cells.iter().map(|cell| cell.text(rest, dialect)).collect());
            // Whatever is still to come, the row is the same or it asks for more.
            for at in 0..rest.len() {
                let early = split(&rest.as_bytes()[..at], dialect, false, &mut cells);
                assert!(early.is_none_or(|early| early == record), "{rest:?} {at}");
            }
            rest = &rest[record.len..];
        }
        rows
    }

    #[test]
    fn cells_are_what_the_dialect_makes_of_them() {
        let check = |text: &str, quoting, expected: &[&[&str]]| assert_eq!(rows(text, quoting), expected, "{text}");
        use Quoting::{Backslash, Doubled, Escapes, None};
        check("a,b\r\nc,\n", Doubled, &[&["a", "b"], &["c", ""]]);
        check("\"a,\"\"b\"\"\r\n\",\"\"", Doubled, &[&["a,\"b\"\r\n", ""]]);
        check(
            "\"Hi\" she said,x\n\"open,y\n6\" z,\"\n",
            Doubled,
            &[&["\"Hi\" she said", "x"], &["\"open", "y"], &["6\" z", "\""]],
        );
        check("\"a,\n\",b\n", None, &[&["\"a", ""], &["\"", "b"]]);
        check("\"a \\\"b\\\", c\\\\\",\\d\n", Backslash, &[&["a \"b\", c\\", "\\d"]]);
        check("a\\,b\\\r\\\nc,\\\"d\\x\\\\\r\n", Escapes, &[&["a,b\r\nc", "\"d\\x\\"]]);
        check("a\\\r\nb,c\\\r\r\n", Escapes, &[&["a\r\nb", "c\r"]]);
        check("a\rb,c\r", Doubled, &[&["a\rb", "c"]]);
    }
}
