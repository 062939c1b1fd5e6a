//! The energy distance of two sets of vectors (Székely & Rizzo 2004, "Testing for equal distributions in high dimension"):
//! 0 if and only if they are spread alike, and without a width to choose, as a kernel has.

/// Distances between all pairs, computed once for all deals.
pub struct Distances {
    num_reference: usize,
    num: usize,
    /// `[num, num]`
    all: Vec<f32>,
    /// The sum of each row.
    sums: Vec<f64>,
}

impl Distances {
    /// The distances of vectors of one length; those of the reference come first.
    pub fn of(reference: &[&[f32]], batch: &[&[f32]]) -> Self {
        let vectors: Vec<&[f32]> = reference.iter().chain(batch).copied().collect();
        let num = vectors.len();
        let mut all = vec![0.0; num * num];
        for i in 0..num {
            for j in 0..i {
                let square: f32 = vectors[i].iter().zip(vectors[j]).map(|(a, b)| (a - b) * (a - b)).sum();
                (all[i * num + j], all[j * num + i]) = (square.sqrt(), square.sqrt());
            }
        }
        let sums = all.chunks(num.max(1)).map(|row| row.iter().copied().map(f64::from).sum()).collect();
        Self { num_reference: reference.len(), num, all, sums }
    }

    /// 2·E|X−Y| − E|X−X′| − E|Y−Y′| where the batch are the vectors at these places.
    pub fn energy(&self, batch: &[usize]) -> f64 {
        let (num_batch, num_others) = (batch.len() as f64, (self.num - batch.len()) as f64);
        let within: f64 =
            batch.iter().map(|i| batch.iter().map(|j| f64::from(self.all[i * self.num + j])).sum::<f64>()).sum();
        let of_batch: f64 = batch.iter().map(|at| self.sums[*at]).sum();
        let across = of_batch - within;
        let others = self.sums.iter().sum::<f64>() - of_batch - across;
        2.0 * across / (num_batch * num_others) - within / (num_batch * num_batch) - others / (num_others * num_others)
    }

    /// The mean distance of each vector of the batch to those of the reference.
    pub fn to_reference(&self) -> Vec<f64> {
        (self.num_reference..self.num).map(|at| self.mean(at, self.num_reference)).collect()
    }

    /// The mean distance between two of the reference's.
    pub fn within_reference(&self) -> f64 {
        let others = self.num_reference.saturating_sub(1).max(1);
        (0..self.num_reference).map(|at| self.mean(at, others)).sum::<f64>() / self.num_reference.max(1) as f64
    }

    fn mean(&self, at: usize, num: usize) -> f64 {
        let row = &self.all[at * self.num..at * self.num + self.num_reference];
        row.iter().copied().map(f64::from).sum::<f64>() / num as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_as_defined() {
        let near = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-6, "{value}, not {expected}");
        let vectors: [&[f32]; 4] = [&[0.0, 0.0], &[3.0, 4.0], &[0.0, 1.0], &[0.0, 3.0]];
        let distances = Distances::of(&vectors[..2], &vectors[2..]);
        let across = (1.0 + 3.0 + (9.0_f64 + 9.0).sqrt() + (9.0_f64 + 1.0).sqrt()) / 4.0;
        near(distances.energy(&[2, 3]), 2.0 * across - 1.0 - 2.5);
        near(distances.energy(&[0, 1]), distances.energy(&[2, 3]));
        near(distances.within_reference(), 5.0);
        near(distances.to_reference()[0], (1.0 + 18.0_f64.sqrt()) / 2.0);
        let twins = Distances::of(&vectors[..2], &vectors[..2]);
        near(twins.energy(&[2, 3]), 0.0);
    }
}
