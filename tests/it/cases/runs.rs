//! Recipes and run folders.
