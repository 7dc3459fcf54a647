//! The settings of the service: defaults, then the file, then the environment, then the command line.

mod layers;
mod service;
mod table;
mod value;

pub(crate) use layers::{Config, Source};
pub(crate) use service::{Serve, ServiceConfig};
pub(crate) use table::SETTINGS;
pub(crate) use value::without_secrets;
