//! What replay refuses, word for word, and the corners of what it accepts.
