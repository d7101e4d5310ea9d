//! What agreed, what did not, and what is still waiting.
