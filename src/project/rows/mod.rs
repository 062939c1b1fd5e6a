//! Reading the examples: pages of the table, filters and their counts, search, what checks and models said.

mod facets;
pub mod findings;
pub mod label;
mod label_order;
pub mod lengths;
pub mod order;
mod overview;
mod page;
pub mod query;
pub mod read;
pub mod reviewers;
pub mod search;
mod select;
mod texts;
