//! What this machine has and what this program takes of it, as far as it can be measured.

use std::time::Duration;

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System};

use super::Action;
use super::files::Files;
use super::kit::format;

/// Figures of the status bar and the first launch; zero where nothing was measured yet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Machine {
    pub num_cores: usize,
    /// Bytes.
    pub memory: u64,
    /// Bytes that a program could still take.
    pub memory_free: u64,
    /// Bytes that this program holds.
    pub memory_used: u64,
    /// Cores that this program keeps busy.
    pub cores_busy: f32,
}

impl Machine {
    /// The figures as they are shown: the window is woken only when these change.
    fn words(&self) -> (u32, String, String) {
        (self.cores_busy.round() as u32, format::bytes(self.memory_used), format::bytes(self.memory_free))
    }
}

const PAUSE: Duration = Duration::from_secs(2);

/// Measures in a thread of its own, for as long as the window is there.
pub fn watch(files: &Files) {
    let (tell, is_open) = files.teller();
    let work = move || {
        let kinds =
            RefreshKind::nothing().with_memory(MemoryRefreshKind::everything()).with_cpu(CpuRefreshKind::nothing());
        let mut system = System::new_with_specifics(kinds);
        let mut last = None;
        while is_open() {
            let measured = measure(&mut system);
            if last.replace(measured.words()) != Some(measured.words()) {
                tell(Action::Measured(measured));
            }
            std::thread::sleep(PAUSE);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("machine".to_owned()).spawn(work) {
        log::warn!("no thread to measure with: {error}");
    }
}

fn measure(system: &mut System) -> Machine {
    let me = Pid::from_u32(std::process::id());
    system.refresh_memory();
    let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[me]), false, kind);
    let process = system.process(me);
    Machine {
        num_cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory: system.total_memory(),
        memory_free: system.available_memory(),
        memory_used: process.map_or(0, sysinfo::Process::memory),
        cores_busy: process.map_or(0.0, |process| process.cpu_usage() / 100.0),
    }
}
