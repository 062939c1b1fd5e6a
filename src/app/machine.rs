//! What this machine has and what this program takes of it, as far as it can be measured.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sysinfo::{
    CpuRefreshKind, DiskRefreshKind, Disks, MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, RefreshKind,
    System,
};

use super::Action;
use super::files::Files;
use super::kit::format;
use crate::train::timing::{KnownSpeed, SpeedFile, instruction_set};

/// Figures of the status bar and the first launch; zero where nothing was measured yet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Machine {
    pub num_cores: usize,
    /// What training computes with.
    pub instruction_set: &'static str,
    /// Bytes that are free where projects and models are kept; 0 where that can't be known.
    pub disk_free: u64,
    /// The models whose speed was measured here.
    pub speeds: Vec<KnownSpeed>,
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
    fn words(&self) -> (u32, [String; 3], usize) {
        let bytes = [self.memory_used, self.memory_free, self.disk_free].map(format::bytes);
        (self.cores_busy.round() as u32, bytes, self.speeds.len())
    }
}

const PAUSE: Duration = Duration::from_secs(2);
const ROUNDS_BETWEEN_SLOW: u32 = 15;

/// Measures in a thread of its own, for as long as the window is there.
pub fn watch(files: &Files) {
    let (tell, is_open) = files.teller();
    let work = move || {
        let kinds =
            RefreshKind::nothing().with_memory(MemoryRefreshKind::everything()).with_cpu(CpuRefreshKind::nothing());
        let mut system = System::new_with_specifics(kinds);
        let mut disks = Disks::new_with_refreshed_list_specifics(DiskRefreshKind::nothing().with_storage());
        let folder = data_folder();
        let speeds = SpeedFile::of_user();
        let mut rounds = 0_u32;
        let mut slow = (0, Vec::new());
        let mut last = None;
        while is_open() {
            // What changes slowly is looked at less often.
            if rounds.is_multiple_of(ROUNDS_BETWEEN_SLOW) {
                disks.refresh_specifics(true, DiskRefreshKind::nothing().with_storage());
                slow = (free_at(&disks, &folder), speeds.by_model());
            }
            rounds = rounds.wrapping_add(1);
            let (disk_free, speeds) = slow.clone();
            let measured = Machine { disk_free, speeds, ..measure(&mut system) };
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
        instruction_set: instruction_set(),
        disk_free: 0,
        speeds: Vec::new(),
        memory: system.total_memory(),
        memory_free: system.available_memory(),
        memory_used: process.map_or(0, sysinfo::Process::memory),
        cores_busy: process.map_or(0.0, |process| process.cpu_usage() / 100.0),
    }
}

fn data_folder() -> PathBuf {
    directories::ProjectDirs::from("", "", "tunewright").map_or_else(std::env::temp_dir, |dirs| dirs.data_dir().into())
}

/// What is free on the disk that holds a folder: the one whose mount point is nearest above it.
fn free_at(disks: &Disks, folder: &Path) -> u64 {
    let holds = disks.iter().filter(|disk| folder.starts_with(disk.mount_point()));
    let nearest = holds.max_by_key(|disk| disk.mount_point().components().count());
    nearest.map_or(0, sysinfo::Disk::available_space)
}
