//! Nights of any size from a seed, with an answer key.
