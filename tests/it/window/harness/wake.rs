//! How a test waits for threads without sleeping.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

/// The longest time between two frames of a window that waits: its own clock goes on by them.
const FRAME: Duration = Duration::from_millis(2);

/// Told by engine and disk that there is something to show.
pub struct Wake {
    sender: Sender<()>,
    receiver: Receiver<()>,
}

impl Wake {
    pub fn new() -> Self {
        let (sender, receiver) = bounded(1);
        Self { sender, receiver }
    }

    /// What the threads call.
    pub fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let sender = self.sender.clone();
        Arc::new(move || {
            // Where it is full, the next frame is asked for already.
            let _ = sender.try_send(());
        })
    }

    /// Until there is something to show, or the time of a frame is over.
    pub fn wait(&self) {
        let _ = self.receiver.recv_timeout(FRAME);
    }
}
