//! Tokenizers that were used last: building one takes a good part of a second, and the token view asks for every
//! example that is looked at.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::model::{Chat, ModelError};

/// One is in use; another two for those who compare models.
const MAX_KEPT: usize = 3;

#[derive(Default)]
pub(super) struct Chats {
    /// The one that was used last is last.
    kept: Vec<Kept>,
}

struct Kept {
    path: PathBuf,
    modified: Option<SystemTime>,
    chat: Arc<Chat>,
}

impl Chats {
    /// The chat of a GGUF file or a folder; read again when it has changed.
    pub fn get(&mut self, path: &Path) -> Result<Arc<Chat>, ModelError> {
        let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
        let place = self.kept.iter().position(|kept| kept.path == path && kept.modified == modified);
        let kept = match place {
            Some(place) => self.kept.remove(place),
            None => Kept { path: path.to_owned(), modified, chat: Arc::new(Chat::load(path)?) },
        };
        let chat = Arc::clone(&kept.chat);
        self.kept.push(kept);
        if self.kept.len() > MAX_KEPT {
            self.kept.remove(0);
        }
        Ok(chat)
    }
}
