//! Which dialect a table is written in: decided by what its beginning looks like in each of them.

use super::record::{Cell, Dialect, Quoting, lines_that_are_rows, split};
use super::rows::excerpt;
use super::source::{BYTE_ORDER_MARK, Head};
use crate::data::note::{Note, Place};

/// What a table turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub dialect: Dialect,
    /// Excel's `sep=;` before the header, with its line break.
    pub separator_line: Vec<u8>,
    /// The first row that is read otherwise than the standard has it, and its line.
    pub example: Option<(u64, String)>,
    /// Cells of the beginning that are in quote marks, and cells with quote marks that enclose nothing.
    pub num_enclosed: usize,
    pub num_loose: usize,
}

impl Table {
    /// The table of a text with a known delimiter, or with the one that gives most rows as many cells as the header.
    pub fn of(head: &Head, delimiter: Option<u8>) -> Self {
        let (separator_line, said) = separator_line(&head.bytes);
        let text = &head.bytes[separator_line.len()..];
        let line_end = if text.contains(&b'\n') || !text.contains(&b'\r') { b'\n' } else { b'\r' };
        let guess = |delimiter| guess(text, head.is_whole_file, delimiter, line_end);
        let best = match said.or(delimiter) {
            Some(delimiter) => guess(delimiter),
            None => {
                let [first, others @ ..] = DELIMITERS.map(|(delimiter, _)| delimiter);
                others.into_iter().map(guess).fold(guess(first), |best, other| {
                    if other.consistency() > best.consistency() { other } else { best }
                })
            }
        };
        let line = |at: u64| at + u64::from(!separator_line.is_empty());
        Self {
            dialect: best.dialect,
            separator_line: separator_line.to_vec(),
            example: best.example.map(|(at, text)| (line(at), text)),
            num_enclosed: best.num_enclosed,
            num_loose: best.num_loose,
        }
    }

    /// "tab, no quoting"
    pub fn name(&self) -> String {
        let delimiter = self.dialect.delimiter;
        let name = DELIMITERS.iter().find(|(byte, _)| *byte == delimiter).map(|(_, name)| (*name).to_owned());
        let name = name.unwrap_or_else(|| format!("\"{}\" between cells", char::from(delimiter)));
        match self.dialect.quoting {
            Quoting::Doubled if self.dialect.is_spaced => format!("{name} and space"),
            Quoting::None if self.example.is_some() => format!("{name}, no quoting"),
            Quoting::Doubled | Quoting::None => name,
            Quoting::Backslash => format!("{name}, quote marks escaped by backslashes"),
            Quoting::Escapes => format!("{name}, no quoting but backslashes"),
        }
    }

    /// What was taken for granted where the standard wasn't.
    pub fn note(&self) -> Option<Note> {
        let (line, text) = self.example.as_ref()?;
        let what = match self.dialect.quoting {
            Quoting::Doubled => "spaces before a cell are left out, for quote marks follow them in this file",
            Quoting::Backslash => "a backslash before a quote mark is left out, for that is how this file escapes them",
            Quoting::None => "quote marks are kept as text, for this file doesn't enclose its cells in them",
            Quoting::Escapes => {
                "a backslash before a delimiter, quote mark or line break is left out, for that is how this file \
                 escapes them"
            }
        };
        let first = Some(Place { file: None, line: *line });
        Some(Note { what: format!("{what} ({text})"), count: 1, first })
    }
}

const DELIMITERS: [(u8, &str); 4] = [(b',', "comma"), (b';', "semicolon"), (b'\t', "tab"), (b'|', "vertical bar")];

/// `sep=;` with its line break, and the delimiter that it says.
pub fn separator_line(text: &[u8]) -> (&[u8], Option<u8>) {
    let len = text.iter().position(|b| *b == b'\n').map_or(text.len(), |at| at + 1);
    let (line, _) = text.split_at(len);
    let bare = line.strip_suffix(b"\n").unwrap_or(line);
    let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
    let bare = bare.strip_prefix(b"\"").and_then(|bare| bare.strip_suffix(b"\"")).unwrap_or(bare);
    match bare {
        [s, e, p, b'=', delimiter] if [s, e, p].map(u8::to_ascii_lowercase) == *b"sep" && delimiter.is_ascii() => {
            (line, Some(*delimiter))
        }
        _ => (&[], None),
    }
}

/// The dialect that leaves least unexplained; of several, the one that is most usual.
fn guess(text: &[u8], is_whole: bool, delimiter: u8, line_end: u8) -> Look {
    let looked = |quoting, is_spaced| Look::at(text, is_whole, Dialect { delimiter, quoting, is_spaced, line_end });
    let look = |quoting| looked(quoting, false);
    let standard = look(Quoting::Doubled);
    if standard.num_faults() == 0 && !(delimiter == b'\t' && standard.marks_are_needless()) {
        return standard;
    }
    let is_needless = standard.num_faults() == 0;
    let others = [Quoting::Backslash, Quoting::None, Quoting::Escapes].map(look);
    [looked(Quoting::Doubled, true)].into_iter().chain(others).fold(standard, |best, other| {
        let (left, best_left) = (other.num_faults(), best.num_faults());
        let is_plainer = is_needless && other.dialect.quoting == Quoting::None && left == 0;
        if left < best_left || is_plainer { other } else { best }
    })
}

/// What the beginning of a table looks like in one dialect.
struct Look {
    dialect: Dialect,
    num_rows: usize,
    /// Rows with as many cells as the header, which is one of them, if it has more than one.
    num_fitting: usize,
    num_cells: usize,
    num_enclosed: usize,
    num_loose: usize,
    /// Rows in which a cell has swallowed what may be rows of their own.
    num_swallowing: usize,
    /// Enclosed cells that would be something else without their quote marks.
    num_needed: usize,
    /// Enclosed cells with a comma, and other cells with one: some programs quote all of those.
    num_with_comma: [usize; 2],
    /// Where quote marks are text: cells that look enclosed, and filled cells, by column.
    columns: Vec<[usize; 2]>,
    /// Cells that look enclosed, with doubled quote marks within.
    num_doubled: usize,
    /// Quote marks, and those with a backslash before them.
    num_quotes: [usize; 2],
    /// Backslashes before what needs none.
    num_idle_backslashes: usize,
    /// The first row that this dialect reads otherwise than the standard.
    example: Option<(u64, String)>,
}

impl Look {
    fn at(text: &[u8], is_whole: bool, dialect: Dialect) -> Self {
        let mut look = Self {
            dialect,
            num_rows: 0,
            num_fitting: 0,
            num_cells: 0,
            num_enclosed: 0,
            num_loose: 0,
            num_swallowing: 0,
            num_needed: 0,
            num_with_comma: [0; 2],
            columns: Vec::new(),
            num_doubled: 0,
            num_quotes: [0; 2],
            num_idle_backslashes: 0,
            example: None,
        };
        let (mut rest, mut line, mut cells) = (text, 1, Vec::new());
        while !rest.is_empty() {
            rest = rest.strip_prefix(BYTE_ORDER_MARK).unwrap_or(rest);
            let Some(record) = split(rest, dialect, is_whole, &mut cells) else {
                look.see_cut_off(rest);
                break;
            };
            let row = &rest[..record.body];
            if !row.is_empty() {
                look.see(row, &cells, line);
            }
            look.num_loose += record.num_loose;
            line += rest[..record.len].iter().filter(|b| **b == dialect.line_end).count() as u64;
            rest = &rest[record.len..];
        }
        look
    }

    fn see(&mut self, row: &[u8], cells: &[Cell], line: u64) {
        if self.num_rows == 0 {
            self.num_cells = cells.len();
            self.columns = vec![[0; 2]; cells.len()];
        }
        self.num_rows += 1;
        self.num_fitting += usize::from(cells.len() == self.num_cells);
        let quotes = || row.iter().enumerate().filter(|(_, b)| **b == b'"');
        let num_escaped = quotes().filter(|(at, _)| *at > 0 && row[at - 1] == b'\\').count();
        self.num_quotes[0] += quotes().count();
        self.num_quotes[1] += num_escaped;
        let is_example = match self.dialect.quoting {
            Quoting::Doubled => self.dialect.is_spaced && row.contains(&b'"'),
            Quoting::Backslash => num_escaped > 0,
            Quoting::None => row.contains(&b'"'),
            Quoting::Escapes => row.contains(&b'\\'),
        };
        if is_example && self.example.is_none() {
            self.example = Some((line, excerpt(&String::from_utf8_lossy(row))));
        }
        let is_enclosed = cells.iter().any(|cell| cell.is_enclosed);
        if is_enclosed && row.contains(&self.dialect.line_end) {
            let lines = lines_that_are_rows(row, self.dialect, self.num_cells);
            self.num_swallowing += usize::from(lines.is_some());
        }
        for (at, cell) in cells.iter().enumerate() {
            self.see_cell(at, cell, cell.raw(row));
        }
    }

    fn see_cell(&mut self, at: usize, cell: &Cell, text: &[u8]) {
        let Dialect { delimiter, .. } = self.dialect;
        self.num_enclosed += usize::from(cell.is_enclosed);
        let needs = |b: &u8| *b == delimiter || b"\"\r\n".contains(b);
        self.num_needed += usize::from(cell.is_enclosed && (text.is_empty() || text.iter().any(needs)));
        if text.contains(&b',') {
            self.num_with_comma[usize::from(!cell.is_enclosed)] += 1;
        }
        let looks_enclosed = !cell.is_enclosed && text.len() > 1 && text.starts_with(b"\"") && text.ends_with(b"\"");
        if looks_enclosed {
            let inner = &text[1..text.len() - 1];
            self.num_doubled += usize::from(inner.windows(2).any(|pair| pair == b"\"\""));
        }
        if let (Some([enclosed, filled]), true) = (self.columns.get_mut(at), self.num_rows > 1) {
            *filled += usize::from(!text.is_empty());
            *enclosed += usize::from(looks_enclosed || cell.is_enclosed);
        }
        if self.dialect.quoting == Quoting::Escapes {
            self.num_idle_backslashes += idle_backslashes(text, delimiter);
        }
    }

    /// A row that doesn't end within what is looked at.
    fn see_cut_off(&mut self, rest: &[u8]) {
        let Some(end) = rest.iter().rposition(|b| *b == self.dialect.line_end) else { return };
        let lines = lines_that_are_rows(&rest[..end], self.dialect, self.num_cells);
        if lines.is_some_and(|lines| lines > MOST_LINES_OF_A_CELL) {
            self.num_loose += 1;
        }
    }

    /// What this dialect doesn't explain.
    fn num_faults(&self) -> usize {
        /// That a row has as many cells as the header says more than a single quote mark.
        const ODD_ROW: usize = 10;
        let num_odd = (self.num_rows - self.num_fitting) * ODD_ROW;
        if self.dialect.quoting.encloses() {
            return num_odd + self.num_loose + if self.num_loose > 0 { self.num_swallowing } else { 0 };
        }
        // A whole column in quote marks is enclosed in them.
        let enclosed = self.columns.iter().filter(|[enclosed, filled]| enclosed * 10 >= filled * 9 && *filled > 1);
        let num_enclosed: usize = enclosed.map(|[enclosed, _]| enclosed).sum();
        let all_are_escaped = self.num_quotes[0] > 0 && self.num_quotes[0] == self.num_quotes[1];
        let own = match self.dialect.quoting {
            Quoting::Escapes => self.num_idle_backslashes,
            _ => usize::from(all_are_escaped),
        };
        num_odd + num_enclosed + self.num_doubled + own
    }

    /// Whether cells are in quote marks although none has anything in it that asks for them, and not all cells of a
    /// column are.
    fn marks_are_needless(&self) -> bool {
        let is_whole_column = |[enclosed, filled]: &[usize; 2]| enclosed == filled && *filled > 1;
        let [with_comma, bare_with_comma] = self.num_with_comma;
        let is_by_comma = with_comma == self.num_enclosed && bare_with_comma == 0;
        self.num_enclosed > 0 && self.num_needed == 0 && !is_by_comma && !self.columns.iter().any(is_whole_column)
    }

    /// How many rows of a thousand have as many cells as the header; 0 if the header has only one.
    fn consistency(&self) -> usize {
        if self.num_cells > 1 { self.num_fitting * 1000 / self.num_rows.max(1) } else { 0 }
    }
}

/// More lines, each of which could be a row, aren't one cell.
pub const MOST_LINES_OF_A_CELL: usize = 5;

fn idle_backslashes(text: &[u8], delimiter: u8) -> usize {
    let (mut num, mut at) = (0, 0);
    while let Some(found) = text[at..].iter().position(|b| *b == b'\\') {
        let next = text.get(at + found + 1);
        num += usize::from(!next.is_some_and(|b| *b == delimiter || b"\\\"\r\n".contains(b)));
        at = (at + found + 2).min(text.len());
    }
    num
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_decided_by_the_file() {
        let check = |delimiter: Option<u8>, text: &str, expected: &str| {
            let head = Head { bytes: text.as_bytes().to_vec(), is_whole_file: true };
            assert_eq!(Table::of(&head, delimiter).name(), expected, "{text}");
        };
        let tab = Some(b'\t');
        check(None, "a,b\n1,2\n", "comma");
        check(None, "a\n1\n", "comma");
        check(None, "a;b\n1,5;2\n1,7;3\n", "semicolon");
        check(None, "a,b\n\"x, y\",2\n5\" pipe,3\n", "comma");
        check(tab, "a\tb\n\"Hello\" she said\tx\n\"open\ty\n6\" z\tx\n", "tab, no quoting");
        check(tab, "a\tb\n\"Yes.\"\tx\nNo.\ty\n", "tab, no quoting");
        // As spreadsheets write it, and R.
        check(tab, "a\tb\n\"Yes, please.\"\tx\nNo.\ty\n", "tab");
        check(tab, "\"a\"\t\"b\"\n\"x\"\t1\n\"y\"\t2\n", "tab");
        check(None, "\"a\";\"b\"\n\"x \\\"y\\\"; z\";1\n\"y\";2\n", "semicolon, quote marks escaped by backslashes");
        check(None, "a,b\nx\\, \\\"y\\\",1\n", "comma, no quoting but backslashes");
        check(None, "a, b\n\"x, y\", \"z, z\"\n\"1\", 2\n", "comma and space");
        check(None, "a,b\nC:\\dir\\,1\n", "comma");
        check(None, "sep=^\r\na^b\r\n", "\"^\" between cells");
        check(tab, "sep=;\na;b\tc\n", "semicolon");
        // A cell in quote marks may hold lines that look like rows.
        check(None, "a,b\r\n\"Smith, John\nLondon\",x\r\n", "comma");
    }
}
