//! Chat templates: what they write, and which tokens are trained.
