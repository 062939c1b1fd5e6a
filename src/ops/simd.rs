//! Loops that the compiler turns into vector code for each instruction set, chosen at run time; and the functions in them.

/// Defines functions whose body is compiled for AVX-512, for AVX2 and plainly. The first parameter is the
/// [`Isa`](super::product::Isa) to use.
macro_rules! vectorized {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($isa:ident: Isa $(, $arg:ident: $ty:ty)* $(,)?) $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$meta])*
        $vis fn $name($isa: $crate::ops::product::Isa $(, $arg: $ty)*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            fn avx512($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
            match $isa.vectors() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the CPU has what `Isa` names.
                $crate::ops::product::Isa::Avx512 | $crate::ops::product::Isa::Avx512Bf16 => unsafe { avx512($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                $crate::ops::product::Isa::Avx2 => unsafe { avx2($($arg),*) },
                _ => body($($arg),*),
            }
        }
    )*};
}
pub(super) use vectorized;

/// `eˣ` within 2 units in the last place, without a branch or a call: powers of two by their bits, the rest by a
/// polynomial (the coefficients of Cephes' `expf`). Beyond the range of f32 it is 0 or the largest power of two times e.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // The nearest whole number by adding and taking away 1.5 · 2²³: at that size f32 has no fraction.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.336, 88.376);
    let whole = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    // ln 2 in two parts, so that the difference is exact.
    let rest = x - whole * 0.693_359_4 - whole * -2.121_944_4e-4;
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        sum = sum * rest + coefficient;
    }
    let power = f32::from_bits(((whole as i32 + 127) << 23) as u32);
    (sum * rest * rest + rest + 1.0) * power
}

#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `ln(1 + eˣ)`
pub fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `tanh x`: near zero, where the other form would lose its digits, a polynomial (the coefficients of Cephes' `tanhf`).
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let square = x * x;
    let mut sum = -5.704_988_6e-3;
    for coefficient in [2.063_909e-2, -5.373_971_5e-2, 0.133_314_42, -0.333_332_8] {
        sum = sum * square + coefficient;
    }
    let near = sum * square * x + x;
    let far = (1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0)).copysign(x);
    if x.abs() < 0.625 { near } else { far }
}

/// Turns values into `cap · tanh(scale · value / cap)`.
#[inline(always)]
pub fn cap_all(values: &mut [f32], scale: f32, cap: f32) {
    let inverse = scale / cap;
    values.iter_mut().for_each(|value| *value = cap * tanh(*value * inverse));
}

/// `Σ a · b` of as many values each, in lanes, which a plain sum in order could not use.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    let mut sums = [0.0f32; 32];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[inline(always)]
pub fn max(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<32>();
    let mut lanes = [f32::NEG_INFINITY; 32];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if *value > *lane { *value } else { *lane };
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Turns values into `e^(scale · value − shift)` and returns their sum.
#[inline(always)]
pub fn exp_all(values: &mut [f32], scale: f32, shift: f32) -> f32 {
    let (chunks, rest) = values.as_chunks_mut::<32>();
    let mut sums = [0.0f32; 32];
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *value = exp(scale * *value - shift);
            *sum += *value;
        }
    }
    let mut sum = sums.iter().sum::<f32>();
    for value in rest {
        *value = exp(scale * *value - shift);
        sum += *value;
    }
    sum
}

vectorized! {
    /// `values · by`, value by value.
    pub fn multiply_row(isa: Isa, by: &[f32], values: &mut [f32]) {
        values.iter_mut().zip(by).for_each(|(value, by)| *value *= by);
    }

    /// `sums + a · b`, value by value.
    pub fn add_product(isa: Isa, a: &[f32], b: &[f32], sums: &mut [f32]) {
        sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_is_right_over_the_whole_range() {
        for i in -20_000..=20_000 {
            let x = i as f32 / 1000.0;
            let expected = f64::from(x).tanh();
            let error = (f64::from(tanh(x)) - expected).abs();
            assert!(error <= 2.5e-7 * expected.abs(), "tanh({x}) is off by {error}");
        }
        assert_eq!([f32::NEG_INFINITY, -1e30, 0.0, 1e30, f32::INFINITY].map(tanh), [-1.0, -1.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn exp_is_right_over_the_whole_range() {
        for i in -87_000..=88_000 {
            let x = i as f32 / 1000.0;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 2.5e-7, "exp({x}) is off by {error}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 1.3e-38 && exp(-1e30) < 1.3e-38);
        assert!(exp(1e30) > 1e38);
    }

    #[test]
    fn a_softplus_neither_overflows_nor_vanishes() {
        for (x, expected) in
            [(-200.0, 0.0), (-20.0, 2.061_153_6e-9), (0.0, std::f32::consts::LN_2), (3.0, 3.048_587_4), (90.0, 90.0)]
        {
            assert!((softplus(x) - expected).abs() <= 1e-6 * expected, "{x}: {}", softplus(x));
        }
    }
}
