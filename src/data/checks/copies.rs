//! Examples that say the same: copies, near-copies, contradictions, and those that are on both sides of the split.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::digest::Digest;
use super::union::Union;
use super::{Check, Finding};
use crate::data::Split;
use crate::words::thousands;

/// Findings of all four checks; `clusters` are the prompts that are nearly the same.
pub fn find(digests: &[Digest], mut clusters: Union) -> Vec<Finding> {
    // Texts that differ only in case are nearly the same, also where there are too few words for shingles.
    for group in groups(digests, |digest| Some(digest.prompt_key)) {
        group[1..].iter().for_each(|member| clusters.unite(group[0], *member));
    }
    let clusters = clusters.groups();
    let mut findings = exact_duplicates(digests);
    findings.extend(near_duplicates(digests, &clusters));
    findings.extend(contradictions(digests));
    findings.extend(leakage(digests, &clusters));
    findings
}

/// Indices of the examples with the same key, where there are several; in order.
fn groups<K: Hash + Eq>(digests: &[Digest], key: impl Fn(&Digest) -> Option<K>) -> Vec<Vec<u32>> {
    let mut by_key: HashMap<K, usize> = HashMap::new();
    let mut groups: Vec<Vec<u32>> = Vec::new();
    for (index, digest) in digests.iter().enumerate() {
        let Some(key) = key(digest) else { continue };
        let group = *by_key.entry(key).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(index as u32);
    }
    groups.retain(|group| group.len() > 1);
    groups
}

fn exact_duplicates(digests: &[Digest]) -> Vec<Finding> {
    // An empty answer is a fault of its own.
    let groups = groups(digests, |digest| Some((digest.prompt, digest.answer?)));
    tell(Check::ExactDuplicate, digests, &groups, |group, member| match member == group[0] {
        true if group.len() == 2 => "a copy follows".to_owned(),
        true => format!("{} copies follow", thousands(group.len() - 1)),
        false => format!("the same as example {}", digests[group[0] as usize].number),
    })
}

fn near_duplicates(digests: &[Digest], clusters: &[Vec<u32>]) -> Vec<Finding> {
    // Exactly the same prompts are copies or contradictions; here at least two are different.
    let is_near = |cluster: &&Vec<u32>| {
        let first = digests[cluster[0] as usize].prompt;
        cluster.iter().any(|member| digests[*member as usize].prompt != first)
    };
    let clusters: Vec<Vec<u32>> = clusters.iter().filter(is_near).cloned().collect();
    tell(Check::NearDuplicate, digests, &clusters, |cluster, member| {
        let first = &digests[cluster[0] as usize];
        let answer = match digests[member as usize].answer == first.answer {
            true => "",
            false => ", with another answer",
        };
        match member == cluster[0] {
            true => format!("{} more like it", thousands(cluster.len() - 1)),
            false => format!("nearly the same as example {}{answer}", first.number),
        }
    })
}

fn contradictions(digests: &[Digest]) -> Vec<Finding> {
    let mut groups = groups(digests, |digest| digest.answer.map(|_| digest.prompt_key));
    let answer = |member: &u32| digests[*member as usize].answer;
    groups.retain(|group| group.iter().any(|member| answer(member) != answer(&group[0])));
    tell(Check::Contradiction, digests, &groups, |group, member| {
        let other = group.iter().find(|other| answer(other) != answer(&member)).unwrap_or(&group[0]);
        format!("another answer than example {}", digests[*other as usize].number)
    })
}

fn leakage(digests: &[Digest], clusters: &[Vec<u32>]) -> Vec<Finding> {
    let split = |member: &u32| digests[*member as usize].split;
    let is_train = |member: &u32| split(member) == Split::Train;
    let crosses = |cluster: &&Vec<u32>| cluster.iter().any(is_train) && !cluster.iter().all(is_train);
    let clusters: Vec<Vec<u32>> = clusters.iter().filter(crosses).cloned().collect();
    tell(Check::Leakage, digests, &clusters, |cluster, member| {
        let other = cluster.iter().find(|other| is_train(other) != is_train(&member)).unwrap_or(&cluster[0]);
        let (own, twin) = (&digests[member as usize], &digests[*other as usize]);
        let how = if own.prompt_key == twin.prompt_key { "the same prompt" } else { "nearly the same prompt" };
        format!("in {}; {how} as example {} in {}", own.split.as_str(), twin.number, twin.split.as_str())
    })
}

/// A finding for each member of each group.
fn tell(check: Check, digests: &[Digest], groups: &[Vec<u32>], detail: impl Fn(&[u32], u32) -> String) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = HashSet::new();
    for (index, group) in groups.iter().enumerate() {
        for member in group.iter().filter(|member| seen.insert(**member)) {
            let id = digests[*member as usize].id;
            findings.push(Finding { check, id, detail: detail(group, *member), group: Some(index as u32) });
        }
    }
    findings
}
