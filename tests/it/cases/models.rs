//! Models and adapters.
