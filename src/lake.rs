//! Where all is kept: the only code that makes output visible.
