//! Test support: a beacon node on a port of this machine that does as a test says, and simulated chains with
//! branches to feed it with.
//!
//! [`DevNode`] knows blocks, a head and finality, all of which a test changes while the node runs; it answers the
//! standard Beacon API from them and sends the events that it is told to send. [`Tree`] is a simulated chain with
//! side branches. [`Step`] is one thing that a node tells, [`schedule`] a disturbed order of such things.
//! Everything here panics where something is not as it should be: it is for tests.

mod answers;
mod blinded;
mod node;
mod schedule;
mod tree;

pub use blinded::blinded;
pub use node::{DevNode, Network, encoded_state};
pub use schedule::{Disorder, Disturbance, Step, schedule};
pub use tree::{Tree, TreePlan};
