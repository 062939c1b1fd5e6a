//! Gives mutants to the program in a process of their own: what ends it, or makes it wait, ends no test without a word.
//!
//! A test starts itself again with `TUNEWRIGHT_FUZZ_CHILD`, and the child says the seed of each mutant before it reads it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::kinds::Kind;
use super::mutate::mutant;

/// The time to read a mutant: processor time where the system says it, for a test may have to share its machine.
pub const MAX_SECS: f64 = 10.0;
/// The time to wait for it, however little is computed.
const MAX_WAIT_SECS: f64 = 90.0;
/// Its memory, above the half gigabyte that the test itself and its threads have mapped.
const MAX_MEMORY_KB: u64 = (1 << 20) + (1 << 19);
/// Enough to see what they have in common.
const MAX_FAILURES: usize = 5;

const CHILD: &str = "TUNEWRIGHT_FUZZ_CHILD";
/// How many mutants of each kind, instead of its usual number.
const MUTANTS: &str = "TUNEWRIGHT_FUZZ_MUTANTS";
/// As many mutants of each kind as this time allows.
const MINUTES: &str = "TUNEWRIGHT_FUZZ_MINUTES";
/// Mutants that a child reads in such a run, before another one goes on.
const BATCH: u64 = 2000;
/// Only this one.
const SEED: &str = "TUNEWRIGHT_FUZZ_SEED";

/// No mutant of this kind may end the program, hang it, or take its memory. `test` is the calling test's name.
pub fn check(test: &str, kind: &Kind) {
    if let Some(seeds) = seeds_of_child() {
        return read_all(kind, seeds);
    }
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let until = number(MINUTES).map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    let mut seeds = match (number(SEED), number(MUTANTS)) {
        (Some(seed), _) => seed..seed + 1,
        (None, num) => 0..num.unwrap_or(if until.is_some() { BATCH } else { kind.num_mutants }),
    };
    let mut told = watch_all(test, seeds.clone(), MAX_SECS);
    while told.failures.is_empty() && until.is_some_and(|until| Instant::now() < until) {
        seeds.end += BATCH;
        let more = watch_all(test, seeds.end - BATCH..seeds.end, MAX_SECS);
        told.failures.extend(more.failures);
        told.peak_kb = told.peak_kb.max(more.peak_kb);
    }
    let num = seeds.end - seeds.start;
    if until.is_some() {
        let line = format!("{test}: {num} mutants, at most {} MB\n", told.peak_kb / 1024);
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    let Told { failures, .. } = told;
    assert!(
        failures.is_empty(),
        "{} of {num} mutants of {test} failed:\n{}\nAgain: {SEED}=N cargo test --test it {test}",
        failures.len(),
        failures.iter().map(|(seed, what)| format!("- {seed}: {what}")).collect::<Vec<_>>().join("\n")
    );
}

/// In a child, the mutants that it is to read.
pub fn seeds_of_child() -> Option<Range<u64>> {
    let seeds = std::env::var(CHILD).ok()?;
    let (from, to) = seeds.split_once("..")?;
    Some(from.parse().ok()?..to.parse().ok()?)
}

/// The child's part.
pub fn read_all(kind: &Kind, seeds: Range<u64>) {
    let folder = tempfile::tempdir().unwrap();
    (kind.make)(folder.path());
    let path = folder.path().join(kind.file);
    let original = std::fs::read(&path).unwrap();
    // A file that isn't read even whole would try nothing.
    (kind.read)(folder.path()).unwrap_or_else(|error| panic!("the whole file: {error}"));
    for seed in seeds {
        say(&seed.to_string());
        let bytes = mutant(kind.build, kind.dictionary, &original, seed);
        File::create(&path).and_then(|mut file| file.write_all(&bytes)).unwrap();
        let reading = std::panic::AssertUnwindSafe(|| (kind.read)(folder.path()));
        if let Err(panic) = std::panic::catch_unwind(reading) {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            say(&format!("panic {seed} {:?}", text.unwrap_or_default()));
        }
    }
    say(&format!("peak {}", peak_kb()));
    say("end");
}

/// The most memory that this process has had; 0 where the system doesn't say.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse().unwrap_or_default()
}

/// On a line of its own, whatever the test's frame prints.
fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n@{what}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
}

/// What came of some mutants.
#[derive(Default)]
pub struct Told {
    /// What failed, by seed.
    pub failures: BTreeMap<u64, String>,
    pub peak_kb: u64,
}

/// The parent's part.
pub fn watch_all(test: &str, mut seeds: Range<u64>, max_secs: f64) -> Told {
    let Told { mut failures, mut peak_kb } = Told::default();
    while !seeds.is_empty() && failures.len() < MAX_FAILURES {
        let mut child = start(test, &seeds);
        let lines = lines_of(&mut child);
        let errors = tail_of(&mut child);
        let end = watch(&mut child, &lines, &mut failures, &mut peak_kb, max_secs);
        let _ = child.kill();
        let status = child.wait().unwrap();
        let errors = errors.join().unwrap();
        match end {
            End::Done => break,
            End::At(seed, Some(why)) => {
                failures.insert(seed, why);
                seeds.start = seed + 1;
            }
            End::At(seed, None) => {
                failures.insert(seed, format!("the program ended with {status}: {errors}"));
                seeds.start = seed + 1;
            }
            End::NotBegun => panic!("the child did not begin ({status}): {errors}"),
        }
    }
    Told { failures, peak_kb }
}

/// How a child ended.
enum End {
    Done,
    /// While it read this mutant; the reason, where it was stopped for it.
    At(u64, Option<String>),
    NotBegun,
}

fn watch(
    child: &mut Child,
    lines: &Receiver<String>,
    failures: &mut BTreeMap<u64, String>,
    peak_kb: &mut u64,
    max_secs: f64,
) -> End {
    let mut reading = None;
    let (mut since, mut spent_before) = (Instant::now(), 0.0);
    loop {
        match lines.recv_timeout(Duration::from_millis(500)) {
            Ok(line) if line == "end" => return End::Done,
            Ok(line) if line.starts_with("peak ") => *peak_kb = line[5..].parse::<u64>().unwrap().max(*peak_kb),
            Ok(line) => match line.strip_prefix("panic ").and_then(|rest| rest.split_once(' ')) {
                Some((seed, what)) => drop(failures.insert(seed.parse().unwrap(), format!("a panic: {what}"))),
                None => {
                    reading = Some(line.parse().unwrap());
                    (since, spent_before) = (Instant::now(), processor_secs(child).unwrap_or_default());
                }
            },
            Err(RecvTimeoutError::Disconnected) => return reading.map_or(End::NotBegun, |seed| End::At(seed, None)),
            Err(RecvTimeoutError::Timeout) => {
                let waited = since.elapsed().as_secs_f64();
                let spent = processor_secs(child).map_or(waited, |secs| secs - spent_before);
                if let Some(seed) = reading
                    && (spent > max_secs || waited > MAX_WAIT_SECS)
                {
                    return End::At(seed, Some(format!("it took longer than {spent:.0} s")));
                }
            }
        }
    }
}

/// Where the system can hold a process to it, in little memory.
fn start(test: &str, seeds: &Range<u64>) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = match cfg!(target_os = "linux") {
        true => {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("ulimit -c 0; ulimit -v {MAX_MEMORY_KB} && exec \"$0\" \"$@\"")]).arg(program);
            shell
        }
        false => Command::new(program),
    };
    command.args([test, "--exact", "--nocapture"]).env(CHILD, format!("{}..{}", seeds.start, seeds.end));
    // Each thread's own heap would count as memory that is used.
    command.env("MALLOC_ARENA_MAX", "1").env("RAYON_NUM_THREADS", "2").env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What the child says, as it says it.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let out = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if let Some(said) = line.strip_prefix('@')
                && sender.send(said.to_owned()).is_err()
            {
                return;
            }
        }
    });
    lines
}

/// The end of what it complains of.
fn tail_of(child: &mut Child) -> std::thread::JoinHandle<String> {
    let mut errors = child.stderr.take().unwrap();
    std::thread::spawn(move || {
        let mut tail = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(num) = errors.read(&mut buffer)
            && num > 0
        {
            tail.extend_from_slice(&buffer[..num]);
            tail.drain(..tail.len().saturating_sub(600));
        }
        String::from_utf8_lossy(&tail).trim().to_owned()
    })
}

/// What a process has computed so far, all its threads together.
fn processor_secs(child: &Child) -> Option<f64> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(child.id().to_string()).join("stat")).ok()?;
    // After the name in brackets, the 12th and 13th field: clock ticks, 100 a second.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some((fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?) / 100.0)
}
