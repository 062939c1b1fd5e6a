//! AMX in software, for tests on machines without it: the instructions of the kernels are decoded where the CPU refuses
//! them, and done as Intel's manual describes them ("Intel 64 and IA-32 Architectures Software Developer's Manual").
//! What it forbids, and what no kernel here uses, ends the process with a message.

use std::cell::{Cell, RefCell};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use half::bf16;

use super::super::Isa;

type Tile = [[u8; 64]; 16];

/// A thread's tiles.
struct State {
    is_configured: bool,
    rows: [usize; 8],
    bytes_per_row: [usize; 8],
    tiles: [Tile; 8],
}

const UNCONFIGURED: State =
    State { is_configured: false, rows: [0; 8], bytes_per_row: [0; 8], tiles: [[[0; 64]; 16]; 8] };

thread_local! {
    static STATE: RefCell<State> = const { RefCell::new(UNCONFIGURED) };
    static IS_BROKEN: Cell<bool> = const { Cell::new(false) };
}

static NUM_PRODUCTS: AtomicUsize = AtomicUsize::new(0);

/// Makes sure that tiles work in this process: the CPU's own, or emulated ones from now on.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if Isa::detected() == Isa::Amx {
            return;
        }
        // SAFETY: the handler has the signature that SA_SIGINFO asks for; the other fields may be zero.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_illegal_instruction as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            assert_eq!(libc::sigaction(libc::SIGILL, &action, std::ptr::null_mut()), 0);
        }
    });
}

/// How many products of tiles were emulated; none where the CPU has its own.
pub fn num_products() -> usize {
    NUM_PRODUCTS.load(Ordering::Relaxed)
}

/// Whether this thread holds no emulated tiles.
pub fn is_released() -> bool {
    STATE.with_borrow(|state| !state.is_configured)
}

/// Runs `f` on emulated tiles of which the fourth is never added to.
pub fn with_broken_tile<R>(f: impl FnOnce() -> R) -> R {
    IS_BROKEN.set(true);
    let result = f();
    IS_BROKEN.set(false);
    result
}

extern "C" fn on_illegal_instruction(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system hands over the context of the instruction; nothing else looks at it now.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let rip = registers[libc::REG_RIP as usize];
    // SAFETY: the CPU has read the instruction there. No instruction of AMX has more than 10 bytes, and code goes on.
    let code = unsafe { &*(rip as *const [u8; 10]) };
    match Instruction::decode(code, registers) {
        Some(instruction) => {
            STATE.with_borrow_mut(|state| state.execute(&instruction));
            registers[libc::REG_RIP as usize] = rip + instruction.length;
        }
        // Somebody else's: the CPU refuses it again, and the process ends as it would without this handler.
        // SAFETY: the default action is always allowed.
        None => unsafe {
            libc::signal(libc::SIGILL, libc::SIG_DFL);
        },
    }
}

/// Ends the process: a signal's handler can't unwind.
fn refuse(why: &str) -> ! {
    let message = format!("emulated AMX: {why}\n");
    // SAFETY: the message's own bytes. Tests' output would be lost.
    unsafe { libc::write(2, message.as_ptr().cast(), message.len()) };
    std::process::abort()
}

fn require(condition: bool, what: &str) {
    if !condition {
        refuse(what);
    }
}

enum Operation {
    Configure { address: i64 },
    Release,
    Zero { tile: usize },
    Load { tile: usize, address: i64, stride: i64 },
    Store { tile: usize, address: i64, stride: i64 },
    Product { sum: usize, a: usize, b: usize },
}

struct Instruction {
    operation: Operation,
    length: i64,
}

/// `base + displacement`, `index · scale`, and the bytes that said so.
struct Memory {
    base: i64,
    index: i64,
    length: i64,
    has_sib: bool,
}

impl Instruction {
    /// `C4 RXBmmmmm WvvvvLpp opcode ModRM [SIB] [displacement]`, with R, X, B and vvvv inverted.
    fn decode(code: &[u8; 10], registers: &[i64; 23]) -> Option<Self> {
        let [0xc4, first, second, opcode, modrm, ..] = *code else { return None };
        if first & 31 != 2 || !matches!(opcode, 0x49 | 0x4b | 0x5c) {
            return None;
        }
        let extension = |bit: u8| if first >> bit & 1 == 0 { 8 } else { 0 };
        let (r, x, b) = (extension(7), extension(6), extension(5));
        let (vvvv, prefix) = (usize::from(!second >> 3 & 15), second & 3);
        require(second & 0x84 == 0, "W or L is set");
        let (reg, rm) = (usize::from(modrm >> 3 & 7) + r, usize::from(modrm & 7));
        let is_register = modrm >> 6 == 3;
        require(opcode == 0x5c || vvvv == 0, "vvvv names a register");
        require(reg < 8, "there are eight tiles");
        let memory = || Memory::decode(code, x, b, registers);
        let tiled = || {
            let memory = memory();
            require(memory.has_sib, "a tile's address without SIB");
            (memory.base, memory.index, memory.length)
        };
        const NONE: u8 = 0;
        const P66: u8 = 1;
        const F3: u8 = 2;
        const F2: u8 = 3;
        let (operation, length) = match (opcode, prefix, is_register) {
            (0x49, NONE, false) => {
                require(reg == 0, "an unknown instruction");
                let memory = memory();
                (Operation::Configure { address: memory.base + memory.index }, memory.length)
            }
            (0x49, NONE, true) => {
                require(modrm == 0xc0, "an unknown instruction");
                (Operation::Release, 5)
            }
            (0x49, F2, true) => {
                require(rm == 0, "an unknown instruction");
                (Operation::Zero { tile: reg }, 5)
            }
            (0x4b, F2 | P66, false) => {
                let (address, stride, length) = tiled();
                (Operation::Load { tile: reg, address, stride }, length)
            }
            (0x4b, F3, false) => {
                let (address, stride, length) = tiled();
                (Operation::Store { tile: reg, address, stride }, length)
            }
            (0x5c, F3, true) => {
                require(vvvv < 8 && b == 0, "there are eight tiles");
                (Operation::Product { sum: reg, a: rm, b: vvvv }, 5)
            }
            _ => refuse("an unknown instruction"),
        };
        Some(Self { operation, length })
    }
}

impl Memory {
    fn decode(code: &[u8; 10], x: usize, b: usize, registers: &[i64; 23]) -> Self {
        let register = |number: usize| {
            use libc::*;
            let names = [
                REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10,
                REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
            ];
            registers[names[number] as usize]
        };
        let (mode, rm) = (code[4] >> 6, usize::from(code[4] & 7));
        let has_sib = rm == 4;
        let (mut base, mut index, mut at) = (rm, 0, 5);
        if has_sib {
            let sib = code[5];
            base = usize::from(sib & 7);
            let number = usize::from(sib >> 3 & 7) + x;
            // The stack pointer's number means that there is no index.
            index = if number == 4 { 0 } else { register(number) << (sib >> 6) };
            at = 6;
        }
        require(mode != 0 || base != 5, "an address without a base");
        let (displacement, size) = match mode {
            0 => (0, 0),
            1 => (i64::from(code[at] as i8), 1),
            _ => {
                require(at + 4 <= code.len(), "an instruction of more bytes than there are");
                (i64::from(i32::from_le_bytes(std::array::from_fn(|i| code[at + i]))), 4)
            }
        };
        Self { base: register(base + b) + displacement, index, length: at as i64 + size, has_sib }
    }
}

impl State {
    fn execute(&mut self, instruction: &Instruction) {
        match instruction.operation {
            Operation::Configure { address } => {
                // SAFETY: the kernel hands 64 bytes over, as `ldtilecfg` asks.
                self.configure(unsafe { &*(address as *const [u8; 64]) });
            }
            Operation::Release => *self = UNCONFIGURED,
            Operation::Zero { tile } => {
                self.shape(tile);
                self.tiles[tile] = [[0; 64]; 16];
            }
            Operation::Load { tile, address, stride } => {
                let (rows, bytes) = self.shape(tile);
                self.tiles[tile] = [[0; 64]; 16];
                for row in 0..rows {
                    let from = (address + row as i64 * stride) as *const u8;
                    // SAFETY: the kernel's own address: what is not there is no better read by the CPU.
                    unsafe { std::ptr::copy_nonoverlapping(from, self.tiles[tile][row].as_mut_ptr(), bytes) };
                }
            }
            Operation::Store { tile, address, stride } => {
                let (rows, bytes) = self.shape(tile);
                for row in 0..rows {
                    let to = (address + row as i64 * stride) as *mut u8;
                    // SAFETY: as for loads.
                    unsafe { std::ptr::copy_nonoverlapping(self.tiles[tile][row].as_ptr(), to, bytes) };
                }
            }
            Operation::Product { sum, a, b } => self.add_product(sum, a, b),
        }
    }

    fn configure(&mut self, config: &[u8; 64]) {
        require(config[0] == 1, "a palette other than 1");
        require(config[1] == 0, "a first row other than 0");
        require(config[2..16].iter().all(|byte| *byte == 0), "reserved bytes that are not zero");
        *self = State { is_configured: true, ..UNCONFIGURED };
        for tile in 0..16 {
            let bytes = usize::from(u16::from_le_bytes([config[16 + 2 * tile], config[17 + 2 * tile]]));
            let rows = usize::from(config[48 + tile]);
            require(rows <= 16 && bytes <= 64, "a tile of more than 16 rows of 64 bytes");
            require((rows == 0) == (bytes == 0), "a tile of rows without bytes, or bytes without rows");
            require(tile < 8 || rows == 0, "more than eight tiles");
            if tile < 8 {
                (self.rows[tile], self.bytes_per_row[tile]) = (rows, bytes);
            }
        }
    }

    /// Rows, and bytes of a row, of a tile that is configured.
    fn shape(&self, tile: usize) -> (usize, usize) {
        require(self.is_configured && self.rows[tile] > 0, "a tile that is not configured");
        (self.rows[tile], self.bytes_per_row[tile])
    }

    fn add_product(&mut self, sum: usize, a: usize, b: usize) {
        require(sum != a && sum != b && a != b, "a product whose tiles are not three");
        let ((rows, bytes), (a_rows, a_bytes), (b_rows, b_bytes)) = (self.shape(sum), self.shape(a), self.shape(b));
        require(
            rows == a_rows && bytes == b_bytes && a_bytes == 4 * b_rows && bytes % 4 == 0,
            "a product of tiles whose shapes don't match",
        );
        NUM_PRODUCTS.fetch_add(1, Ordering::Relaxed);
        if IS_BROKEN.get() && sum == 3 {
            return;
        }
        let value = |bytes: &[u8]| flushed(bf16::from_le_bytes([bytes[0], bytes[1]]).to_f32());
        for row in 0..rows {
            for col in 0..bytes / 4 {
                // Both values of a pair are summed by themselves.
                let mut sums = [0.0f32; 2];
                for pair in 0..b_rows {
                    for (half, sum) in sums.iter_mut().enumerate() {
                        let left = value(&self.tiles[a][row][4 * pair + 2 * half..]);
                        let right = value(&self.tiles[b][pair][4 * col + 2 * half..]);
                        *sum = flushed(left.mul_add(right, *sum));
                    }
                }
                let place = &mut self.tiles[sum][row][4 * col..4 * col + 4];
                let before = flushed(f32::from_le_bytes([place[0], place[1], place[2], place[3]]));
                place.copy_from_slice(&flushed(before + flushed(sums[0] + sums[1])).to_le_bytes());
            }
        }
    }
}

/// Numbers too small for all their bits count as zero.
fn flushed(value: f32) -> f32 {
    if value.is_subnormal() { 0.0f32.copysign(value) } else { value }
}
