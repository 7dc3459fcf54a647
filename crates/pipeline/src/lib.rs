//! The loops that join source, fingerprint and store: label, train, evaluate, classify, fill
