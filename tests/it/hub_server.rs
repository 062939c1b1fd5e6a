//! A server on this machine that speaks as much of the Hub's protocol as listing and fetching need.

use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tunewright::hub::Sources;
use tunewright::task::{Control, Task, Unit};

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the server was asked, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub range: Option<(usize, usize)>,
    pub token: Option<String>,
}

/// How the server behaves; the default is well.
#[derive(Clone, Default)]
pub struct Manners {
    /// Hangs up after this many bytes of a file, as often as it is asked; 0 bytes after `num_cuts` answers.
    pub cut_after: Option<usize>,
    /// So many answers are cut, the rest are whole.
    pub num_cuts: usize,
    pub knows_no_ranges: bool,
    /// Sends slowly enough for a test to step in.
    pub is_slow: bool,
    /// So many files are sent with a byte changed.
    pub num_forged: usize,
    /// The head of the README.
    pub card: Value,
    /// Files are only for those who send this token.
    pub gate: Option<&'static str>,
    /// The answer to every question: a status, and the Hub's word for it.
    pub refuses: Option<(&'static str, &'static str)>,
    /// The files of `refs/convert/parquet`.
    pub converted: Vec<(&'static str, Vec<u8>)>,
    /// What is told of a repository beside its files.
    pub about: Value,
    /// The answer to a search.
    pub models: Vec<Value>,
    /// So many questions are too many, and so many seconds are to be waited.
    pub too_many: Option<(usize, u64)>,
    /// The address of another server, which has the contents.
    pub contents_at: Option<String>,
    /// The size that every file is said to have.
    pub claims: Option<u64>,
}

pub struct Hub {
    pub address: String,
    pub asked: Arc<Mutex<Vec<Asked>>>,
}

impl Hub {
    /// Serves until the test's process ends.
    pub fn serve(files: &[(&str, Vec<u8>)], manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let files: Vec<(String, Vec<u8>)> =
            files.iter().map(|(name, body)| ((*name).to_owned(), body.clone())).collect();
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            let too_many = manners.too_many.map_or(0, |(times, _)| times);
            let mut left = Left { cuts: manners.num_cuts, forged: manners.num_forged, too_many };
            for stream in listener.incoming().flatten() {
                // A client that hangs up is part of what is tested.
                let _ = answer(stream, &files, &manners, &mut left, &log);
            }
        });
        Self { address, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What was asked of the files' contents.
    pub fn ranges(&self) -> Vec<Option<(usize, usize)>> {
        let is_content = |asked: &Asked| asked.method == "GET" && asked.path.starts_with("/cdn/");
        self.asked().into_iter().filter(is_content).map(|asked| asked.range).collect()
    }
}

fn read_request(stream: &TcpStream) -> std::io::Result<Asked> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut range, mut token) = (None, None);
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(sent) = line.strip_prefix("authorization: bearer ") {
            token = Some(sent.to_owned());
        }
        if let Some(bytes) = line.strip_prefix("range: bytes=") {
            range = bytes.split_once('-').map(|(from, to)| (from.parse().unwrap(), to.parse().unwrap()));
        }
    }
    Ok(Asked { method, path, range, token })
}

fn answer(
    mut stream: TcpStream,
    files: &[(String, Vec<u8>)],
    manners: &Manners,
    left: &mut Left,
    log: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    let asked = read_request(&stream)?;
    log.lock().unwrap().push(asked.clone());
    if let Some((status, code)) = manners.refuses {
        return reply(&mut stream, status, &format!("X-Error-Code: {code}\r\n"), b"");
    }
    if let Some((_, secs)) = manners.too_many.filter(|_| left.too_many > 0) {
        left.too_many -= 1;
        return reply(&mut stream, "429 Too Many Requests", &format!("Retry-After: {secs}\r\n"), b"");
    }
    // What comes by way of a proxy names its host.
    let asked = Asked { path: asked.path.trim_start_matches("http://hub.test").to_owned(), ..asked };
    if asked.path.starts_with("/api/models?") {
        return reply(&mut stream, "200 OK", "", Value::from(manners.models.clone()).to_string().as_bytes());
    }
    if asked.path.starts_with("/api/") {
        return answer_about(&mut stream, &asked.path, files, manners);
    }
    if manners.gate.is_some() && asked.path.contains("/resolve/") && asked.token.as_deref() != manners.gate {
        let status = if asked.token.is_none() { "401 Unauthorized" } else { "403 Forbidden" };
        return reply(&mut stream, status, "X-Error-Code: GatedRepo\r\n", b"");
    }
    let converted = manners.converted.iter().map(|(name, body)| ((*name).to_owned(), body.clone()));
    let files: Vec<_> = files.iter().cloned().chain(converted).collect();
    let Some((name, body)) = files.iter().find(|(name, _)| asked.path.ends_with(&format!("/{name}"))) else {
        return reply(&mut stream, "404 Not Found", "X-Error-Code: EntryNotFound\r\n", b"");
    };
    let head = format!("ETag: \"{}\"\r\nX-Repo-Commit: {COMMIT}\r\n", sha256(body));
    let is_small = body.len() < 1000;
    if asked.path.contains("/resolve/") && !is_small {
        // The real Hub does so with large files: what it knows of them is only said here, on the way.
        let host = manners.contents_at.as_deref().unwrap_or_default();
        let head = format!("Location: {host}/cdn/{name}\r\nX-Linked-Size: {}\r\n{head}", body.len());
        return reply(&mut stream, "302 Found", &head, b"");
    }
    let head = if is_small { &*head } else { "" };
    if asked.method == "HEAD" {
        let length = body.len();
        return write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n");
    }
    let (status, part) = match asked.range.filter(|_| !manners.knows_no_ranges) {
        Some((from, to)) => ("206 Partial Content", &body[from..=to]),
        None => ("200 OK", &body[..]),
    };
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{head}\r\n", part.len())?;
    let mut sent = part.to_vec();
    if let Some(limit) = manners.cut_after.filter(|_| left.cuts > 0) {
        left.cuts -= 1;
        sent.truncate(limit);
    }
    if left.forged > 0 && !is_small {
        left.forged -= 1;
        sent.iter_mut().take(1).for_each(|byte| *byte ^= 1);
    }
    for piece in sent.chunks(10_000) {
        stream.write_all(piece)?;
        stream.flush()?;
        if manners.is_slow {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

/// What is left to do badly.
struct Left {
    too_many: usize,
    cuts: usize,
    forged: usize,
}

/// What `?blobs=true` gives of a revision. The Hub knows the SHA-256 of large files only.
fn answer_about(
    stream: &mut TcpStream,
    path: &str,
    files: &[(String, Vec<u8>)],
    manners: &Manners,
) -> std::io::Result<()> {
    let about = |(name, body): (&str, &Vec<u8>)| {
        let size = manners.claims.unwrap_or(body.len() as u64);
        let lfs = (size >= 1000).then(|| serde_json::json!({"sha256": sha256(body), "size": size, "pointerSize": 130}));
        serde_json::json!({"rfilename": name, "size": size, "blobId": "0", "lfs": lfs})
    };
    assert!(path.ends_with("?blobs=true"), "{path}");
    let is_converted = path.contains("/revision/refs%2Fconvert%2Fparquet");
    let siblings: Vec<_> = match is_converted {
        true => manners.converted.iter().map(|(name, body)| about((*name, body))).collect(),
        false => files.iter().map(|(name, body)| about((name.as_str(), body))).collect(),
    };
    if is_converted && siblings.is_empty() {
        return reply(stream, "404 Not Found", "X-Error-Code: RevisionNotFound\r\n", b"");
    }
    let gated = if manners.gate.is_some() { serde_json::json!("manual") } else { serde_json::json!(false) };
    let card = &manners.card;
    let mut info =
        serde_json::json!({"_id": "1", "sha": COMMIT, "gated": gated, "cardData": card, "siblings": siblings});
    for (key, value) in manners.about.as_object().into_iter().flatten() {
        info[key] = value.clone();
    }
    reply(stream, "200 OK", "", info.to_string().as_bytes())
}

fn reply(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len())?;
    stream.write_all(body)
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes in which no part equals another.
pub fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| ((i * 2_654_435_761_usize) >> 13) as u8).collect()
}

pub fn sources(hub: &Hub, models: &Path) -> Sources {
    Sources { endpoint: Some(hub.address.clone()), is_offline: false, ..Sources::only(models) }
}

pub fn files_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

/// Remembers the progress, and cancels when the job has come so far.
#[derive(Default)]
pub struct Watched {
    pub told: RefCell<Vec<u64>>,
    pub cancel_at: Option<u64>,
    pub flag: Control,
    pub total: Cell<Option<u64>>,
}

impl Task for Watched {
    fn progress(&self, done: u64, total: Option<u64>, unit: Unit) {
        assert_eq!(unit, Unit::Bytes);
        self.told.borrow_mut().push(done);
        self.total.set(total);
        if self.cancel_at.is_some_and(|at| done >= at) {
            self.flag.stop();
        }
    }

    fn is_stopped(&self) -> bool {
        self.flag.is_stopped()
    }
}
