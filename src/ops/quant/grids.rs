//! The points that ggml's low-bit types choose from: 8 or 4 weights at once, by one number.
//!
//! The files hold a word for each point, the number of each weight's level in two or three bits;
//! `scripts/make_quant_fixtures.py` writes them.

/// The levels of a weight in [`IQ2_XXS`], [`IQ2_XS`] and [`IQ2_S`].
const TWO_BITS: &[i8] = &[8, 25, 43];

pub static IQ2_XXS: [[i8; 8]; 256] = points(include_bytes!("grids/iq2_xxs.hex"), TWO_BITS);
pub static IQ2_XS: [[i8; 8]; 512] = points(include_bytes!("grids/iq2_xs.hex"), TWO_BITS);
pub static IQ2_S: [[i8; 8]; 1024] = points(include_bytes!("grids/iq2_s.hex"), TWO_BITS);
pub static IQ3_XXS: [[i8; 4]; 256] = points(include_bytes!("grids/iq3_xxs.hex"), &[4, 12, 20, 28, 36, 44, 52, 62]);
pub static IQ3_S: [[i8; 4]; 512] = points(include_bytes!("grids/iq3_s.hex"), &[1, 3, 5, 7, 9, 11, 13, 15]);
/// Eight times the weights -1, 0 and 1: what is added to them is an eighth.
pub static IQ1: [[i8; 8]; 2048] = points(include_bytes!("grids/iq1_s.hex"), &[-8, 0, 8]);

/// Reads a file of four hexadecimal digits a point, at compile time: a wrong one does not compile.
const fn points<const WEIGHTS: usize, const POINTS: usize>(text: &[u8], levels: &[i8]) -> [[i8; WEIGHTS]; POINTS] {
    let bits = (levels.len() - 1).ilog2() + 1;
    let mut points = [[0; WEIGHTS]; POINTS];
    let (mut point, mut at, mut digits, mut word) = (0, 0, 0, 0);
    while at < text.len() {
        let digit = text[at];
        at += 1;
        if digit == b'\n' {
            continue;
        }
        word = word << 4 | (if digit >= b'a' { digit - b'a' + 10 } else { digit - b'0' }) as u32;
        digits += 1;
        if digits % 4 > 0 {
            continue;
        }
        let mut weight = 0;
        while weight < WEIGHTS {
            points[point][weight] = levels[(word >> (bits * weight as u32) & ((1 << bits) - 1)) as usize];
            weight += 1;
        }
        (point, word) = (point + 1, 0);
    }
    assert!(point == POINTS, "a grid has all its points");
    points
}
