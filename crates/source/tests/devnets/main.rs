//! Recorded networks of Lodestar and Grandine, replayed with everything checked, against everything that was recorded.

mod answers;
mod chain;
mod grandine;
mod lodestar;
