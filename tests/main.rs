//! Every test, in one binary: the engines are linked once.

mod lake;
