//! Are the inputs still those that training saw? Lengths, labels, words and the model's own view of a batch, each tested
//! against the training data, all under one family-wise rate ([`holm`]).

use std::collections::HashMap;

use super::energy::Distances;
use super::finding::{Behind, Kind, MOST_BEHIND, Test, Warning};
use super::level::{FalseAlarms, holm};
use super::mean;
use super::permutation::p_value;
use super::words::Vocabulary;

/// What is known of an input.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Input<'a> {
    /// The prompt, without a system message that is the same everywhere.
    pub text: &'a str,
    /// Where the answer, or a field of it, is one of a list.
    pub label: Option<&'a str>,
    /// The base model's mean hidden state.
    pub hidden: Option<&'a [f32]>,
}

/// What became of all inputs of a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InputFindings {
    pub tests: Vec<Test>,
    pub warnings: Vec<Warning>,
    /// What could not be tested, and why.
    pub notes: Vec<String>,
}

/// A list of labels has no more; what is longer are texts.
const MOST_LABELS: usize = 300;
/// A label that comes once says little; of a list, most come again.
const MOST_SINGLE: f64 = 0.1;
/// Distances of hidden states are computed between all of so many training inputs and so many of a batch.
pub const MOST_REFERENCE_VECTORS: usize = 400;
pub const MOST_BATCH_VECTORS: usize = 200;

/// Tests a batch against training inputs, which may be a fair sample of them; the vocabulary is that of all of them.
pub fn inputs(
    reference: &[Input<'_>],
    vocabulary: &Vocabulary,
    batch: &[Input<'_>],
    rate: FalseAlarms,
) -> InputFindings {
    let mut findings = InputFindings::default();
    if reference.is_empty() || batch.is_empty() {
        return findings;
    }
    let mut found = vec![lengths(reference, batch), new_words(reference, vocabulary, batch)];
    for tested in [labels(reference, batch), hidden(reference, batch)] {
        match tested {
            Ok(tested) => found.push(tested),
            Err(why) => findings.notes.push(why),
        }
    }
    let p_values: Vec<f64> = found.iter().map(|found| found.test.p_value).collect();
    for (mut found, (level, is_drift)) in found.into_iter().zip(holm(&p_values, rate.per_batch())) {
        (found.test.level, found.test.is_drift) = (level, is_drift);
        if is_drift {
            found.behind.truncate(MOST_BEHIND);
            findings.warnings.push(Warning { kind: found.test.kind, text: found.text, behind: found.behind });
        }
        findings.tests.push(found.test);
    }
    findings
}

struct Found {
    test: Test,
    /// What a warning says.
    text: String,
    behind: Vec<Behind>,
}

fn test(kind: Kind, reference: f64, batch: f64, p_value: f64) -> Test {
    Test { kind, reference, batch, p_value, level: 0.0, is_drift: false }
}

/// The Kolmogorov–Smirnov distance of the lengths.
fn lengths(reference: &[Input<'_>], batch: &[Input<'_>]) -> Found {
    let length = |input: &Input<'_>| input.text.chars().count();
    let all: Vec<usize> = reference.iter().chain(batch).map(length).collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|at| all[*at]);
    let (num_reference, num_batch) = (reference.len() as f64, batch.len() as f64);
    let mut is_of_batch = vec![false; all.len()];
    let p_value = p_value(reference.len(), batch.len(), &mut |places| {
        places.iter().for_each(|at| is_of_batch[*at] = true);
        let (mut gap, mut largest) = (0.0_f64, 0.0_f64);
        for (rank, at) in order.iter().enumerate() {
            gap += if is_of_batch[*at] { 1.0 / num_batch } else { -1.0 / num_reference };
            // Between equal lengths there is no step.
            if order.get(rank + 1).is_none_or(|next| all[*next] != all[*at]) {
                largest = largest.max(gap.abs());
            }
        }
        places.iter().for_each(|at| is_of_batch[*at] = false);
        largest
    });
    let mut sorted: Vec<usize> = all[..reference.len()].to_vec();
    sorted.sort_unstable();
    let mut of_batch: Vec<usize> = all[reference.len()..].to_vec();
    of_batch.sort_unstable();
    let [before, now] = [&sorted, &of_batch].map(|lengths| lengths[lengths.len() / 2] as f64);
    // How many training prompts are as short, and how many as long.
    let rarity = |length: usize| {
        let shorter = sorted.partition_point(|other| *other <= length);
        let longer = sorted.len() - sorted.partition_point(|other| *other < length);
        shorter.min(longer)
    };
    let mut rows: Vec<usize> = (0..batch.len()).collect();
    rows.sort_by_key(|row| rarity(length(&batch[*row])));
    let why = |row: usize| {
        let length = length(&batch[row]);
        let than = if (length as f64) < before { "short" } else { "long" };
        format!("{length} characters: {} of {} training prompts are as {than}", rarity(length), sorted.len())
    };
    Found {
        test: test(Kind::Length, before, now, p_value),
        text: format!(
            "Prompts are of other lengths than in training: in the middle {now} characters instead of {before}"
        ),
        behind: rows.into_iter().take(MOST_BEHIND).map(|row| Behind { row, why: why(row) }).collect(),
    }
}

/// The mean share of new words; training prompts are each held against all others.
fn new_words(reference: &[Input<'_>], vocabulary: &Vocabulary, batch: &[Input<'_>]) -> Found {
    let before: Vec<f64> = reference.iter().map(|input| vocabulary.new_share_of_own(input.text)).collect();
    let now: Vec<f64> = batch.iter().map(|input| vocabulary.new_share(input.text)).collect();
    let all = [&before[..], &now].concat();
    let p_value = p_value(before.len(), now.len(), &mut |places| places.iter().map(|at| all[*at]).sum());
    let new: Vec<Vec<String>> = batch.iter().map(|input| vocabulary.new_words(input.text)).collect();
    let mut rows: Vec<usize> = (0..batch.len()).filter(|row| !new[*row].is_empty()).collect();
    rows.sort_by(|a, b| (new[*b].len(), now[*b]).partial_cmp(&(new[*a].len(), now[*a])).unwrap_or(a.cmp(b)));
    let why = |row: usize| format!("new words: {}", listed(&new[row]));
    let [percent_before, percent_now] = [&before, &now].map(|shares| 100.0 * mean(shares));
    Found {
        test: test(Kind::NewWords, mean(&before), mean(&now), p_value),
        text: format!(
            "{percent_now:.1} % of the words are in no training prompt; among those prompts it is {percent_before:.1} %"
        ),
        behind: rows.into_iter().take(MOST_BEHIND).map(|row| Behind { row, why: why(row) }).collect(),
    }
}

/// A few of them.
fn listed(words: &[String]) -> String {
    const FEW: usize = 5;
    let mut distinct: Vec<&str> = Vec::new();
    words.iter().for_each(|word| {
        if !distinct.contains(&word.as_str()) {
            distinct.push(word)
        }
    });
    let more = if distinct.len() > FEW { ", …" } else { "" };
    format!("{}{more}", distinct[..distinct.len().min(FEW)].join(", "))
}

/// Pearson's chi-square of the labels; one that training doesn't have counts like any other.
fn labels(reference: &[Input<'_>], batch: &[Input<'_>]) -> Result<Found, String> {
    let known: Vec<&str> = reference.iter().filter_map(|input| input.label).collect();
    let rows: Vec<(usize, &str)> =
        batch.iter().enumerate().filter_map(|(row, input)| Some((row, input.label?))).collect();
    let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
    known.iter().for_each(|label| counts.entry(label).or_default().0 += 1);
    let num_single = counts.values().filter(|count| count.0 == 1).count();
    if known.is_empty() || counts.len() > MOST_LABELS || num_single as f64 > MOST_SINGLE * known.len() as f64 {
        return Err("The mix of labels isn't compared: the training answers aren't from a list".to_owned());
    }
    if rows.is_empty() {
        return Err("The mix of labels isn't compared: no example of the batch has an answer".to_owned());
    }
    rows.iter().for_each(|(_, label)| counts.entry(label).or_default().1 += 1);
    let mut names: Vec<&str> = counts.keys().copied().collect();
    names.sort_unstable();
    let place: HashMap<&str, usize> = names.iter().copied().zip(0..).collect();
    let all: Vec<usize> = known.iter().copied().chain(rows.iter().map(|row| row.1)).map(|label| place[label]).collect();
    let (num_known, num_rows) = (known.len() as f64, rows.len() as f64);
    let totals: Vec<f64> = names.iter().map(|name| (counts[name].0 + counts[name].1) as f64).collect();
    let mut dealt = vec![0.0; names.len()];
    let p_value = p_value(known.len(), rows.len(), &mut |places| {
        dealt.fill(0.0);
        places.iter().for_each(|at| dealt[all[*at]] += 1.0);
        let share = num_rows / (num_known + num_rows);
        let of_label = |(num, total): (&f64, &f64)| {
            let expected = total * share;
            (num - expected).powi(2) * (1.0 / expected + 1.0 / (total - expected))
        };
        dealt.iter().zip(&totals).map(of_label).sum()
    });
    let shares = |name: &str| (counts[name].0 as f64 / num_known, counts[name].1 as f64 / num_rows);
    let distance = names.iter().map(|name| shares(name)).map(|(before, now)| (now - before).abs()).sum::<f64>() / 2.0;
    // Pearson's residual: how much more often than is to be expected.
    let excess = |name: &str| {
        let (before, now) = shares(name);
        (now - before) / ((before * num_known + now * num_rows) / (num_known + num_rows)).sqrt()
    };
    names.sort_by(|a, b| excess(b).abs().total_cmp(&excess(a).abs()));
    let change = |name: &&str| {
        let (before, now) = shares(name);
        format!("{name} {:.0} % instead of {:.0} %", 100.0 * now, 100.0 * before)
    };
    let largest: Vec<String> = names.iter().take(3).map(change).collect();
    let mut order: Vec<(usize, &str)> = rows.into_iter().filter(|row| excess(row.1) > 0.0).collect();
    order.sort_by(|a, b| excess(b.1).total_cmp(&excess(a.1)));
    let behind = order.into_iter().take(MOST_BEHIND).map(|(row, label)| Behind { row, why: change(&label) }).collect();
    Ok(Found {
        test: test(Kind::Labels, 0.0, distance, p_value),
        text: format!("Labels come in another mix than in training: {}", largest.join(", ")),
        behind,
    })
}

/// The energy distance of the mean hidden states.
fn hidden(reference: &[Input<'_>], batch: &[Input<'_>]) -> Result<Found, String> {
    const LACKS: &str = "The meaning of the prompts isn't compared: the model's hidden states were not measured";
    let before = thinned(reference.iter().filter_map(|input| input.hidden).collect(), MOST_REFERENCE_VECTORS);
    let rows = batch.iter().enumerate().filter_map(|(row, input)| Some((row, input.hidden?))).collect();
    let rows: Vec<(usize, &[f32])> = thinned(rows, MOST_BATCH_VECTORS);
    let size = before.first().map_or(0, |vector| vector.len());
    let now: Vec<&[f32]> = rows.iter().map(|row| row.1).collect();
    if now.is_empty() || size == 0 || before.iter().chain(&now).any(|vector| vector.len() != size) {
        return Err(LACKS.to_owned());
    }
    let distances = Distances::of(&before, &now);
    let p_value = p_value(before.len(), now.len(), &mut |places| distances.energy(places));
    let far = distances.to_reference();
    let usual = distances.within_reference();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| far[*b].total_cmp(&far[*a]));
    let why = |at: usize| {
        format!("{:.1} times as far from the training prompts as these are from each other", far[at] / usual.max(1e-12))
    };
    Ok(Found {
        test: test(
            Kind::Hidden,
            0.0,
            distances.energy(&(before.len()..before.len() + now.len()).collect::<Vec<_>>()),
            p_value,
        ),
        text: "Prompts mean other things than in training, as the base model reads them".to_owned(),
        behind: order.into_iter().take(MOST_BEHIND).map(|at| Behind { row: rows[at].0, why: why(at) }).collect(),
    })
}

/// No more than so many, evenly spread.
fn thinned<T: Copy>(all: Vec<T>, most: usize) -> Vec<T> {
    if all.len() <= most { all } else { (0..most).map(|at| all[at * all.len() / most]).collect() }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// What made-up customers write: words as unevenly frequent as in a language, ten topics, a place for each topic in the
    /// model's mind.
    struct World {
        random: ChaCha8Rng,
        num_words: usize,
        first_topic: usize,
        length: usize,
        shift: f32,
    }

    #[derive(Clone)]
    struct Written {
        text: String,
        label: String,
        hidden: Vec<f32>,
    }

    impl World {
        fn new(seed: u64) -> Self {
            Self { random: ChaCha8Rng::seed_from_u64(seed), num_words: 3000, first_topic: 0, length: 12, shift: 0.0 }
        }

        fn write(&mut self, num: usize) -> Vec<Written> {
            (0..num).map(|_| self.one()).collect()
        }

        fn one(&mut self) -> Written {
            let num_words = self.random.random_range(3..3 + 2 * self.length);
            // Zipf: the logarithm of the rank is spread evenly.
            let word = |random: &mut ChaCha8Rng| (self.num_words as f64).powf(random.random::<f64>()) as usize;
            let name = |rank: usize| -> String {
                let letters = [rank / 676 % 26, rank / 26 % 26, rank % 26];
                letters.iter().map(|letter| char::from(b'a' + *letter as u8)).collect()
            };
            let words: Vec<String> = (0..num_words).map(|_| name(word(&mut self.random))).collect();
            let topic = self.first_topic + (10.0 * self.random.random::<f64>().powi(2)) as usize;
            let mut noise = || self.random.random::<f32>() + self.random.random::<f32>() - 1.0;
            let hidden = (0..16).map(|at| noise() + if at == topic % 16 { 1.0 } else { 0.0 } + self.shift).collect();
            Written { text: words.join(" "), label: format!("topic {topic}"), hidden }
        }
    }

    fn of(written: &[Written]) -> Vec<Input<'_>> {
        written.iter().map(|w| Input { text: &w.text, label: Some(&w.label), hidden: Some(&w.hidden) }).collect()
    }

    fn compare(training: &[Written], batch: &[Written]) -> InputFindings {
        let vocabulary = Vocabulary::of(training.iter().map(|written| written.text.as_str()));
        inputs(&of(training), &vocabulary, &of(batch), FalseAlarms::default())
    }

    fn drifted(findings: &InputFindings) -> Vec<Kind> {
        findings.warnings.iter().map(|warning| warning.kind).collect()
    }

    #[test]
    fn without_change_hardly_ever_anything_is_told() {
        // A hundred series of ten batches.
        let is_warned = |seed: u64| {
            let mut world = World::new(seed);
            let training = world.write(300);
            (0..10).any(|_| !compare(&training, &world.write(40)).warnings.is_empty())
        };
        let num = (0..100).filter(|seed| is_warned(*seed)).count();
        assert!(num <= 5, "{num} of 100");
    }

    #[test]
    fn each_kind_of_change_is_told_by_its_name_with_the_examples_behind_it() {
        let of_change = |change: fn(&mut World)| {
            let mut world = World::new(1);
            let training = world.write(500);
            let usual = world.write(30);
            change(&mut world);
            let batch: Vec<Written> = usual.into_iter().chain(world.write(50)).collect();
            let findings = compare(&training, &batch);
            assert_eq!(findings.tests.len(), 4);
            findings
        };
        let findings = of_change(|world| world.length = 40);
        assert_eq!(drifted(&findings), [Kind::Length]);
        assert!(findings.warnings[0].behind[0].why.contains("0 of 500 training prompts are as long"), "{findings:?}");
        let findings = of_change(|world| world.first_topic = 6);
        assert!(drifted(&findings).contains(&Kind::Labels), "{findings:?}");
        let labels = findings.warnings.iter().find(|warning| warning.kind == Kind::Labels).unwrap();
        assert!(labels.behind.iter().all(|behind| behind.row >= 30), "{labels:?}");
        let findings = of_change(|world| world.num_words = 15_000);
        assert_eq!(drifted(&findings), [Kind::NewWords]);
        assert!(findings.warnings[0].behind[0].why.starts_with("new words: "), "{findings:?}");
        let findings = of_change(|world| world.shift = 0.4);
        assert_eq!(drifted(&findings), [Kind::Hidden]);
        assert!(findings.warnings[0].behind[0].row >= 30);
    }

    #[test]
    fn what_can_t_be_compared_is_said() {
        let input = |text: &'static str, label| Input { text, label, hidden: None };
        let vocabulary = Vocabulary::of(["a b", "c d"]);
        let free = [input("a b", Some("one answer")), input("c d", Some("another"))];
        let findings = inputs(&free, &vocabulary, &[input("a", None)], FalseAlarms::default());
        assert_eq!(findings.tests.iter().map(|test| test.kind).collect::<Vec<_>>(), [Kind::Length, Kind::NewWords]);
        assert!(findings.notes[0].contains("aren't from a list") && findings.notes[1].contains("hidden states"));
        let list: Vec<_> = (0..20).map(|at| input("a b", Some(if at % 2 == 0 { "yes" } else { "no" }))).collect();
        let findings = inputs(&list, &vocabulary, &[input("a", None)], FalseAlarms::default());
        assert!(findings.notes[0].contains("no example of the batch has an answer"), "{:?}", findings.notes);
        assert_eq!(inputs(&[], &vocabulary, &free, FalseAlarms::default()), InputFindings::default());
    }
}
