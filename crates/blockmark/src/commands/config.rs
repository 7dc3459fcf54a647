//! `blockmark config show`: every setting, its value, and where it was said.

use anyhow::Result;
use clap::CommandFactory as _;
use serde_json::json;

use super::Context;
use crate::cli::{Cli, ConfigCommand, RunArgs};
use crate::config::{Config, SETTINGS, Source};
use crate::failure::Outcome;
use crate::output::say;

/// Where tests find recorded data.
const TEST_DATA: &str = "BLOCKMARK_DATA";

/// The settings that apply.
pub(crate) fn read(args: &RunArgs) -> Result<Config> {
    let mut flags = Vec::new();
    let mut flag = |key, name, text: Option<String>| flags.extend(text.map(|text| (key, name, text)));
    let nodes = (!args.beacon_node.is_empty()).then(|| args.beacon_node.join(","));
    flag("nodes.urls", "--beacon-node", nodes);
    flag("database.url", "--db", args.db.clone());
    let model = args.model.as_ref().map(|path| path.to_string_lossy().into_owned());
    flag("model.path", "--model", model);
    flag("serve.listen", "--listen", args.listen.map(|listen| listen.to_string()));
    let source = Source { file: args.config.clone(), flags, set: args.set.clone() };
    let environment = std::env::vars_os()
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.to_string_lossy().into_owned())));
    let config = Config::read(&source, environment)?;
    let others = variables_of(&Cli::command());
    for name in config.strangers.iter().filter(|name| !others.contains(name) && *name != TEST_DATA) {
        tracing::warn!("The environment variable {name} names no setting; see blockmark config show");
    }
    Ok(config)
}

/// The variables that a command and those below it take.
fn variables_of(command: &clap::Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(|argument| argument.get_env());
    let own = own.map(|name| name.to_string_lossy().into_owned());
    own.chain(command.get_subcommands().flat_map(variables_of)).collect()
}

/// Prints the settings, or the sample file.
pub(crate) fn run(context: &Context, command: &ConfigCommand) -> Result<Outcome> {
    match command {
        ConfigCommand::Show(args) => {
            let config = read(args)?;
            if context.global.json {
                let settings = config.all().map(|(setting, value, origin)| {
                    let value = value.shown(setting).to_json();
                    (setting.key.to_owned(), json!({ "value": value, "origin": origin.to_string() }))
                });
                let settings: serde_json::Map<_, _> = settings.collect();
                say::result_line(json!({ "file": config.file, "settings": settings }))?;
            } else {
                for (setting, value, origin) in config.all() {
                    say::result_line(format_args!(
                        "{:<24} = {:<36} {origin}",
                        setting.key,
                        value.shown(setting).to_string()
                    ))?;
                }
            }
        }
        ConfigCommand::Sample => say::result(sample())?,
    }
    Ok(Outcome::Done)
}

/// A file with every setting, its default and what it is for.
fn sample() -> String {
    let mut text = String::from(
        "# Settings of `blockmark run`. Every line shows the default; remove the # to change it.\n\
         # A variable BLOCKMARK_SECTION_KEY and the flag --set section.key=value go before the file.\n",
    );
    let mut section = "";
    for setting in &SETTINGS {
        if setting.section() != section {
            section = setting.section();
            text.push_str(&format!("\n[{section}]\n"));
        }
        text.push_str(&format!("# {}\n#{} = {}\n", setting.about, setting.name(), setting.sample()));
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_sample_in_the_documentation_is_the_printed_one() {
        let documented = include_str!("../../../../docs/operate/blockmark.toml");
        assert_eq!(
            super::sample(),
            documented,
            "run `blockmark config sample > docs/operate/blockmark.toml`"
        );
    }
}
