//! `tunewright data`: the examples of a project, from the files they come from to those they go to.

mod check;
mod export;
mod import;
mod imported;
mod mapping_args;
mod rank;
mod split;
mod stats;

use clap::Subcommand;

use super::Ended;

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Take files of examples into a project
    Import(import::ImportArgs),
    /// Write a project's examples in the shape that another tool reads
    Export(export::ExportArgs),
    /// Deal a project's examples anew into training, validation and test
    Split(split::SplitArgs),
    /// Find what is wrong with a project's examples, and mend it
    Check(check::CheckArgs),
    /// Say what a project's examples are in numbers, or how far two reviewers agree
    Stats(stats::StatsArgs),
    /// Rank a project's examples by their loss under a model, or find which to label next
    Rank(rank::RankArgs),
}

pub fn run(command: DataCommand) -> Result<(), Ended> {
    match command {
        DataCommand::Import(args) => import::run(args),
        DataCommand::Export(args) => export::run(args),
        DataCommand::Split(args) => split::run(args),
        DataCommand::Check(args) => check::run(args),
        DataCommand::Stats(args) => stats::run(args),
        DataCommand::Rank(args) => rank::run(args),
    }
}
