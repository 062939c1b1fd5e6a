//! Batches of the steps to come, made on a thread of their own: those of the next step are ready when a step ends.

use std::io;
use std::ops::Range;
use std::thread::{Builder, Scope};

use crossbeam_channel::{Receiver, bounded};

use crate::model::ModelSpec;
use crate::render::Rendered;
use crate::render::batch::{Batch, Layout, Order};

/// Steps whose batches may wait.
const NUM_WAITING: usize = 1;

/// How the batches of a run lie. Dropout hides values by their row, so that each token has a row of its own then.
pub fn layout(spec: &ModelSpec, dropout: f64) -> Layout {
    if dropout == 0.0 { Layout::Compact(spec.switches_beyond()) } else { Layout::Whole }
}

/// The micro-batches of one step after the other.
pub struct Feed {
    steps: Receiver<Vec<Batch>>,
}

impl Feed {
    /// Begins with the batches of the first of `steps`. The thread ends when the feed is dropped.
    ///
    /// # Errors
    /// Where the thread can't be started.
    pub fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        samples: &'scope [Rendered],
        order: &'scope Order,
        steps: Range<usize>,
        layout: Layout,
    ) -> io::Result<Self> {
        let (sender, receiver) = bounded(NUM_WAITING);
        let make = move || {
            for step in steps {
                let batch_of = |rows: Vec<usize>| {
                    let samples = rows.into_iter().map(|i| &samples[i]);
                    Batch::laid_out(samples, layout)
                };
                if sender.send(order.step(step).into_iter().map(batch_of).collect()).is_err() {
                    return;
                }
            }
        };
        Builder::new().name("batches".to_owned()).spawn_scoped(scope, make)?;
        Ok(Self { steps: receiver })
    }

    /// The next step's batches; `None` after the last.
    pub fn next(&self) -> Option<Vec<Batch>> {
        self.steps.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Training;

    #[test]
    fn steps_come_in_order_with_the_batches_that_the_order_says() {
        let sample = |i: u32| Rendered { ids: vec![i, i + 1, i + 2], is_trained: vec![false, true, true] };
        let samples: Vec<_> = (0..11).map(sample).collect();
        let training = Training {
            per_device_train_batch_size: 2,
            gradient_accumulation_steps: 2,
            packing: false,
            ..Training::default()
        };
        let order = Order::new(&[3; 11], &training);
        for layout in [Layout::Whole, Layout::Compact(None)] {
            std::thread::scope(|scope| {
                let feed = Feed::start(scope, &samples, &order, 1..5, layout).unwrap();
                for step in 1..5 {
                    let batches = feed.next().unwrap();
                    let expected = order.step(step);
                    assert_eq!(batches.len(), expected.len());
                    for (batch, rows) in batches.iter().zip(expected) {
                        let rows = rows.iter().map(|&i| &samples[i]);
                        assert_eq!(*batch, Batch::laid_out(rows, layout));
                    }
                }
                assert!(feed.next().is_none());
            });
        }
    }

    #[test]
    fn a_run_that_ends_early_ends_the_thread() {
        let samples = [Rendered { ids: vec![1, 2], is_trained: vec![false, true] }];
        let order = Order::new(&[2], &Training::default());
        std::thread::scope(|scope| {
            let feed = Feed::start(scope, &samples, &order, 0..1_000_000_000, Layout::Compact(None)).unwrap();
            feed.next().unwrap();
        });
    }
}
