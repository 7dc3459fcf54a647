//! Where blocks come from: block-reward JSON files and Beacon API nodes
