//! `blockmark token`: a new secret for the private addresses, and the digest that a configuration holds.

use anyhow::{Context as _, Result};
use api::Credential;
use serde_json::json;

use super::Context;
use crate::cli::TokenArgs;
use crate::failure::{Outcome, usage};
use crate::output::say;

/// Prints a secret of 32 random bytes and its digest. Nothing is stored.
pub(crate) fn run(context: &Context, args: &TokenArgs) -> Result<Outcome> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("the operating system gives no random numbers")?;
    let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (name, kept, setting) = match &args.user {
        None => ("token", Credential::bearer(&secret).digest(), "serve.token, --token"),
        Some(user) => {
            if user.is_empty() || user.contains([':', ',']) {
                return Err(usage(
                    "the name of a user has no colon and no comma",
                    "blockmark token --user ann",
                ));
            }
            let digest = Credential::basic(user, &secret).digest();
            ("password", format!("{user}:{digest}"), "serve.basic_auth, --basic-auth")
        }
    };
    if context.global.json {
        say::result_line(json!({ name: secret, "digest": kept }))?;
    } else {
        say::result(format_args!("{name}: {secret}\ndigest: {kept}\n"))?;
        say::note(format_args!(
            "The {name} is for whoever asks and is stored nowhere; the digest goes into the configuration ({setting})."
        ));
    }
    Ok(Outcome::Done)
}
