//! Witnesses for the kernels' tests: the plain twin and finite differences.

use candle_core::{Device, Result, Tensor, Var};
use rand::{RngExt, SeedableRng};

use super::product::Isa;

/// The instruction sets of this CPU; and tiles, emulated where it has all else that their kernels use.
pub fn instruction_sets() -> impl Iterator<Item = Isa> {
    let best = if Isa::detected() == Isa::Avx512Bf16 && emulates_tiles() { Isa::Amx } else { Isa::detected() };
    Isa::ALL.into_iter().filter(move |isa| *isa <= best)
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn emulates_tiles() -> bool {
    super::product::amx::emulator::install();
    true
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn emulates_tiles() -> bool {
    false
}

/// Values around zero, the same for the same seed.
pub fn random(dims: &[usize], seed: u64) -> Tensor {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..dims.iter().product()).map(|_| rng.random_range(-1.5f32..1.5)).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
}

type Op<'a> = &'a dyn Fn(&[&Tensor]) -> Result<Tensor>;

/// A kernel on slices.
pub struct Kernel<F, B> {
    /// The result's shape.
    pub dims: Vec<usize>,
    pub forward: F,
    /// The gradient of each input, from the inputs and the gradient at the result.
    pub backward: B,
}

/// Output, and the gradient of every input, for a loss that weighs each output value differently.
fn run(inputs: &[&Tensor], op: Op<'_>) -> (Tensor, Vec<Tensor>) {
    let vars: Vec<Var> = inputs.iter().map(|t| Var::from_tensor(t).unwrap()).collect();
    let tensors: Vec<&Tensor> = vars.iter().map(Var::as_tensor).collect();
    let out = op(&tensors).unwrap();
    let loss = (&out * random(out.dims(), 99)).unwrap().sum_all().unwrap();
    let grads = loss.backward().unwrap();
    let grads = vars.iter().map(|v| grads.get(v).expect("an input has no gradient").clone()).collect();
    (out.detach(), grads)
}

/// The values of a tensor of any shape.
pub fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let difference = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
    difference.to_vec1::<f32>().unwrap().into_iter().fold(0.0, f32::max)
}

/// Equal except for the order of sums.
pub fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= 1e-5 * (1.0 + expected.abs()), "{what}: {found} for {expected} at {i}");
    }
}

/// A kernel's output and gradients are those of its twin, and its gradients are its slopes, measured along random directions.
pub fn check_kernel(
    inputs: &[&Tensor],
    kernel: Kernel<impl Fn(&[&[f32]]) -> Vec<f32>, impl Fn(&[&[f32]], &[f32]) -> Vec<Vec<f32>>>,
    twin: impl Fn(&[&Tensor]) -> Result<Tensor>,
) {
    let (expected, expected_grads) = run(inputs, &twin);
    let plain: Vec<Vec<f32>> = inputs.iter().map(|input| values(input)).collect();
    let slices: Vec<&[f32]> = plain.iter().map(Vec::as_slice).collect();
    let out = Tensor::from_vec((kernel.forward)(&slices), kernel.dims.as_slice(), &Device::Cpu).unwrap();
    assert!(largest_difference(&out, &expected) < 2e-5, "output");
    let weights = values(&random(&kernel.dims, 99));
    let grads = (kernel.backward)(&slices, &weights);
    assert_eq!(grads.len(), inputs.len());
    for (i, (grad, expected)) in grads.iter().zip(&expected_grads).enumerate() {
        let grad = Tensor::from_slice(grad, inputs[i].dims(), &Device::Cpu).unwrap();
        let difference = largest_difference(&grad, expected);
        assert!(difference < 1e-4, "gradient of input {i} is off by {difference}");
    }
    let loss_at = |inputs: &[&[f32]]| -> f64 {
        (kernel.forward)(inputs).iter().zip(&weights).map(|(out, weight)| f64::from(out * weight)).sum()
    };
    for (i, grad) in grads.iter().enumerate() {
        let direction = values(&random(inputs[i].dims(), 7 + i as u64));
        let step = 1e-2f32;
        let moved = |sign: f32| {
            let moved: Vec<f32> = slices[i].iter().zip(&direction).map(|(x, d)| x + sign * step * d).collect();
            let mut slices = slices.clone();
            slices[i] = &moved;
            loss_at(&slices)
        };
        let slope = (moved(1.0) - moved(-1.0)) / (2.0 * f64::from(step));
        let expected: f64 = grad.iter().zip(&direction).map(|(grad, d)| f64::from(grad * d)).sum();
        let tolerance = 2e-2 * (1.0 + expected.abs());
        assert!((slope - expected).abs() < tolerance, "input {i}: slope {slope}, gradient says {expected}");
    }
}
