//! Text of any usual encoding as UTF-8. UTF-16 is recognised by its first bytes; older encodings only once a byte comes
//! that isn't ASCII, however late, for until then a file reads the same in all of them.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, Encoding, UTF_16BE, UTF_16LE};

/// What is looked at to guess an encoding.
const GUESS_BYTES: usize = 64 << 10;
const CHUNK_BYTES: usize = 64 << 10;

/// The encoding that a text was found to be in, if it isn't UTF-8.
pub type Found = Rc<Cell<Option<&'static Encoding>>>;

/// UTF-16, from a mark or from where the NULs of mostly Latin text are; the length of the mark.
pub fn sniff_utf16(head: &[u8]) -> Option<(&'static Encoding, usize)> {
    if let Some((encoding, mark)) = Encoding::for_bom(head)
        && [UTF_16LE, UTF_16BE].contains(&encoding)
    {
        return Some((encoding, mark));
    }
    let start = &head[..head.len().min(4096)];
    let num_nul = start.iter().filter(|b| **b == 0).count();
    let num_nul_at = |parity: usize| start.iter().skip(parity).step_by(2).filter(|b| **b == 0).count();
    // One NUL in a damaged row is not that.
    let is_utf16 =
        |parity| start.len() >= 4 && num_nul_at(parity) * 10 > start.len() * 4 && num_nul * 10 < start.len() * 6;
    if is_utf16(1) {
        return Some((UTF_16LE, 0));
    }
    is_utf16(0).then_some((UTF_16BE, 0))
}

/// The encoding of bytes that aren't all ASCII; `None` for UTF-8, also where single bytes of it are damaged.
fn guess(bytes: &[u8], is_end: bool) -> Option<&'static Encoding> {
    let (mut num_good, mut num_bad) = (0, 0);
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        num_good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        let is_cut_off = chunks.peek().is_none() && !is_end && chunk.invalid().len() < 4;
        num_bad += usize::from(!chunk.invalid().is_empty() && !is_cut_off);
    }
    if num_bad == 0 || num_good >= num_bad {
        return None;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, is_end);
    Some(detector.guess(None, Utf8Detection::Deny))
}

enum Mode {
    /// Nothing but ASCII so far.
    Undecided,
    Utf8,
    Other(Decoder),
}

/// Hands out UTF-8.
pub struct Transcoder<R> {
    input: R,
    mode: Mode,
    found: Found,
    /// Bytes that are converted and not yet handed out, from `ready_at`.
    ready: Vec<u8>,
    ready_at: usize,
    is_at_end: bool,
}

impl<R: Read> Transcoder<R> {
    /// `encoding` where it is known already.
    pub fn new(input: R, encoding: Option<&'static Encoding>) -> Self {
        let mode =
            encoding.map_or(Mode::Undecided, |encoding| Mode::Other(encoding.new_decoder_without_bom_handling()));
        let found = Rc::new(Cell::new(encoding));
        Self { input, mode, found, ready: Vec::new(), ready_at: 0, is_at_end: false }
    }

    pub fn found(&self) -> Found {
        self.found.clone()
    }

    fn take_ready(&mut self, buf: &mut [u8]) -> usize {
        let rest = &self.ready[self.ready_at..];
        let num_bytes = rest.len().min(buf.len());
        buf[..num_bytes].copy_from_slice(&rest[..num_bytes]);
        self.ready_at += num_bytes;
        num_bytes
    }

    /// Decides by the first bytes that aren't ASCII; they are made ready.
    fn decide(&mut self, mut bytes: Vec<u8>) -> io::Result<()> {
        self.input.by_ref().take((GUESS_BYTES - bytes.len().min(GUESS_BYTES)) as u64).read_to_end(&mut bytes)?;
        let is_end = bytes.len() < GUESS_BYTES;
        (self.ready, self.ready_at) = (bytes, 0);
        self.mode = match guess(&self.ready, is_end) {
            None => Mode::Utf8,
            Some(encoding) => {
                self.found.set(Some(encoding));
                let mut decoder = encoding.new_decoder_without_bom_handling();
                self.ready = convert(&mut decoder, &self.ready, false);
                Mode::Other(decoder)
            }
        };
        Ok(())
    }
}

fn convert(decoder: &mut Decoder, bytes: &[u8], is_last: bool) -> Vec<u8> {
    let mut text = String::new();
    let mut rest = bytes;
    loop {
        text.reserve(decoder.max_utf8_buffer_length(rest.len()).unwrap_or(3 * rest.len() + 16));
        let (result, num_read, _) = decoder.decode_to_string(rest, &mut text, is_last);
        rest = &rest[num_read..];
        if result == CoderResult::InputEmpty {
            return text.into_bytes();
        }
    }
}

impl<R: Read> Read for Transcoder<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.ready_at < self.ready.len() {
                return Ok(self.take_ready(buf));
            }
            match &mut self.mode {
                Mode::Utf8 => return self.input.read(buf),
                Mode::Undecided => {
                    let num_bytes = self.input.read(buf)?;
                    let Some(at) = buf[..num_bytes].iter().position(|b| !b.is_ascii()) else { return Ok(num_bytes) };
                    self.decide(buf[at..num_bytes].to_vec())?;
                    if at > 0 {
                        return Ok(at);
                    }
                }
                Mode::Other(decoder) => {
                    if self.is_at_end {
                        return Ok(0);
                    }
                    let mut chunk = vec![0; CHUNK_BYTES];
                    let num_bytes = self.input.read(&mut chunk)?;
                    self.is_at_end = num_bytes == 0;
                    (self.ready, self.ready_at) = (convert(decoder, &chunk[..num_bytes], self.is_at_end), 0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out a few bytes at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let num_bytes = self.0.len().min(3).min(buf.len());
            self.0.read(&mut buf[..num_bytes])
        }
    }

    #[test]
    fn every_usual_encoding_becomes_utf8() {
        let check = |bytes: &[u8], encoding: Option<&'static Encoding>, text: &str, name: Option<&str>| {
            let mut transcoder = Transcoder::new(Slow(bytes), encoding);
            let mut read = Vec::new();
            transcoder.read_to_end(&mut read).unwrap();
            assert_eq!(String::from_utf8_lossy(&read), text);
            assert_eq!(transcoder.found().get().map(Encoding::name), name);
        };
        check(b"plain", None, "plain", None);
        check("a “ä” 🧶".as_bytes(), None, "a “ä” 🧶", None);
        check("ä ö \u{fffd}".as_bytes(), None, "ä ö \u{fffd}", None);
        let german = "Größe und Maß, für Käufer: schöne Grüße aus Köln";
        let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(german);
        check(&latin, None, german, Some("windows-1252"));
        let utf16: Vec<u8> = german.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(sniff_utf16(&utf16), Some((UTF_16LE, 0)));
        check(&utf16, Some(UTF_16LE), german, Some("UTF-16LE"));
        // One damaged byte in UTF-8 stays that.
        check(b"\xC3\xA4 \xFF", None, "ä \u{fffd}", None);
        assert_eq!(sniff_utf16(b"\xFE\xFF\0a"), Some((UTF_16BE, 2)));
        assert_eq!(sniff_utf16(b"\0a\0b\0c"), Some((UTF_16BE, 0)));
        assert_eq!(sniff_utf16(b"one\0"), None);
    }
}
