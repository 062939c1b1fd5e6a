//! Do two people agree by more than chance?

use std::collections::HashMap;
use std::hash::Hash;

/// Cohen's kappa of two raters of the same things (Cohen 1960): 1 is always, 0 as by chance. `None` where nothing was
/// rated, or both gave everything the same rating.
pub fn kappa<T: Eq + Hash>(pairs: &[(T, T)]) -> Option<f64> {
    let num = pairs.len() as f64;
    let (mut first, mut second): (HashMap<&T, f64>, HashMap<&T, f64>) = (HashMap::new(), HashMap::new());
    for (a, b) in pairs {
        *first.entry(a).or_default() += 1.0;
        *second.entry(b).or_default() += 1.0;
    }
    let agreed = pairs.iter().filter(|(a, b)| a == b).count() as f64 / num;
    let by_chance: f64 =
        first.iter().map(|(rating, num_first)| num_first * second.get(rating).copied().unwrap_or(0.0)).sum::<f64>()
            / (num * num);
    (num > 0.0 && by_chance < 1.0).then(|| (agreed - by_chance) / (1.0 - by_chance))
}
