//! How many rows each chip of each filter would show.

use std::collections::HashMap;

use rusqlite::Connection;

use super::findings::{counting, queue};
use super::order::Order;
use super::query::{ExampleQuery, FacetCounts, Filter, LOSS_BANDS, NamedCounts, Reviewed};
use super::search::IdSet;
use super::select::{Facet, SHOWS, Tests, reviewed_as, sources};
use crate::data::Role;
use crate::data::checks::{Check, Severity};
use crate::project::error::ProjectError;
use crate::project::store::codes::{role_bit, tags_of};

/// One pass: a row counts for a filter's chips if no other filter holds it back. Beside the counts, all labels that there
/// are, by their first appearance.
pub fn facets(
    order: &Order,
    db: &Connection,
    query: &ExampleQuery,
) -> Result<(FacetCounts, Vec<(String, u64)>), ProjectError> {
    let filter = Filter::of(query);
    let tests = Tests::new(order, db, filter.query())?;
    let mut counts = FacetCounts::default();
    let mut labels = vec![0_u64; order.labels.names.len() + 1];
    let mut tags = vec![0_u64; order.tags.names.len() + 1];
    let names = sources(db)?;
    let mut sources = vec![0_u64; names.len()];
    let reviewed = [reviewed_as(db, Reviewed::Agree)?, reviewed_as(db, Reviewed::Differ)?];
    let issues = Issues::read(db)?;
    let queued = queue(db)?.into_iter().fold(IdSet::default(), |mut ids, id| {
        ids.insert(id);
        ids
    });
    let mut all_labels = vec![0_u64; labels.len()];
    let mut all_sources = vec![0_u64; names.len()];
    let mut countable = IdSet::default();
    let mut num_countable = 0;
    for slot in &order.slots {
        let failed = tests.failed(slot);
        if failed == 0 {
            counts.num_matching += 1;
        }
        let alone = |facet: Facet| u64::from(failed & !facet.bit() == 0);
        if slot.takes_part() {
            counts.splits[slot.split as usize] += alone(Facet::Split);
        }
        if failed & !SHOWS == 0 {
            let shows = &mut counts.shows;
            shows.all += 1;
            shows.splits[slot.split as usize] += u64::from(slot.takes_part());
            shows.issues += u64::from(issues.any.contains(slot.id));
            shows.edited += u64::from(slot.is_edited());
            shows.queued += u64::from(slot.review == 0 && slot.takes_part() && queued.contains(slot.id));
        }
        match issues.must_fix.contains(slot.id) {
            true => counts.whole.must_fix += 1,
            false => counts.whole.should_look += u64::from(issues.any.contains(slot.id)),
        }
        all_labels[slot.label as usize] += 1;
        if let Some(count) = all_sources.get_mut(slot.source as usize) {
            *count += 1;
        }
        counts.statuses[slot.status() as usize] += alone(Facet::Status);
        counts.edited += if slot.is_edited() { alone(Facet::Edited) } else { 0 };
        if let Some(count) = counts.reviews.get_mut(slot.review as usize) {
            *count += alone(Facet::Review);
        }
        for (count, (from, to)) in counts.losses.iter_mut().zip(LOSS_BANDS) {
            *count += if (from..=to).contains(&slot.loss) { alone(Facet::Loss) } else { 0 };
        }
        for role in Role::ALL {
            counts.roles[role as usize] += if slot.roles & role_bit(role) != 0 { alone(Facet::Role) } else { 0 };
        }
        labels[slot.label as usize] += alone(Facet::Label);
        tags[slot.tags as usize] += alone(Facet::Tag);
        if let Some(count) = sources.get_mut(slot.source as usize) {
            *count += alone(Facet::Source);
        }
        for (count, ids) in counts.reviewers.iter_mut().zip(&reviewed) {
            *count += if ids.contains(slot.id) { alone(Facet::Reviewers) } else { 0 };
        }
        if alone(Facet::Finding) == 1 {
            num_countable += 1;
            countable.insert(slot.id);
        }
    }
    counts.labels = named(order.labels.names.iter().map(|name| name.to_string()), &labels);
    for (name, count) in names.iter().zip(&all_sources).skip(1).filter(|(_, count)| **count > 0) {
        // A file that was imported twice is one to the filter.
        match counts.whole.files.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += count,
            None => counts.whole.files.push((name.clone(), *count)),
        }
    }
    counts.sources = named(names.into_iter().skip(1), &sources);
    counts.tags = tag_counts(order, &tags);
    counts.findings = issues.counts(&countable, num_countable);
    let labels = order.labels.names.iter().zip(&all_labels[1..]).filter(|(_, count)| **count > 0);
    Ok((counts, labels.map(|(label, count)| (label.to_string(), *count)).collect()))
}

fn named(names: impl Iterator<Item = String>, counts: &[u64]) -> NamedCounts {
    let nothing = counts.first().copied().unwrap_or_default();
    let mut by_name: HashMap<String, u64> = HashMap::new();
    for (name, count) in names.zip(&counts[1..]).filter(|(_, count)| **count > 0) {
        *by_name.entry(name).or_default() += count;
    }
    NamedCounts { something: counts[1..].iter().sum(), nothing, values: most_frequent(by_name) }
}

fn most_frequent(counts: HashMap<String, u64>) -> Vec<(String, u64)> {
    let mut values: Vec<_> = counts.into_iter().collect();
    values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    values
}

fn tag_counts(order: &Order, lists: &[u64]) -> NamedCounts {
    let mut by_tag: HashMap<String, u64> = HashMap::new();
    for (list, count) in order.tags.names.iter().zip(&lists[1..]).filter(|(_, count)| **count > 0) {
        for tag in tags_of(Some(list)) {
            *by_tag.entry(tag).or_default() += count;
        }
    }
    NamedCounts { values: most_frequent(by_tag), something: lists[1..].iter().sum(), nothing: lists[0] }
}

/// What the checks found, by example.
struct Issues {
    found: Vec<(i64, String)>,
    any: IdSet,
    must_fix: IdSet,
}

impl Issues {
    fn read(db: &Connection) -> Result<Self, ProjectError> {
        let mut select = db.prepare_cached(&format!("SELECT DISTINCT example, check_name FROM {}", counting()))?;
        let mut issues = Self { found: Vec::new(), any: IdSet::default(), must_fix: IdSet::default() };
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (id, name): (i64, String) = (row.get(0)?, row.get(1)?);
            issues.any.insert(id);
            if Check::from_name(&name).is_some_and(|check| check.severity() == Severity::MustFix) {
                issues.must_fix.insert(id);
            }
            issues.found.push((id, name));
        }
        Ok(issues)
    }

    fn counts(self, countable: &IdSet, num_countable: u64) -> NamedCounts {
        let mut by_check: HashMap<String, u64> = HashMap::new();
        let mut any = IdSet::default();
        let mut something = 0;
        for (id, name) in self.found.into_iter().filter(|(id, _)| countable.contains(*id)) {
            something += u64::from(any.insert(id));
            *by_check.entry(name).or_default() += 1;
        }
        NamedCounts { values: most_frequent(by_check), something, nothing: num_countable - something }
    }
}
