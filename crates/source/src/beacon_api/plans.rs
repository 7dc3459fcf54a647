//! The configuration of the network, of nodes that may plan different amounts of its future: some are upgraded later.

use std::cmp::Reverse;
use std::sync::Arc;

use consensus::Root;
use consensus::spec::{Config, Spec};
use futures::future::join_all;

use super::ask::{Answer, Question};
use super::client::{BeaconApi, read_genesis};
use super::error::{ApiError, ApiProblem};
use crate::http::shortened;

impl BeaconApi {
    /// The network, and the answer itself as it may be kept, of the node that plans most.
    pub async fn spec(&self) -> Result<(Spec, String), ApiError> {
        self.specs().await?.into_iter().next().ok_or(ApiError::NoNodes)
    }

    /// The network as the nodes know it, each difference once, the one that plans most first. All nodes are asked at
    /// the same time; one that does not answer is left out, as long as any does.
    pub async fn specs(&self) -> Result<Vec<(Spec, String)>, ApiError> {
        let question = Question::small("the configuration", "eth/v1/config/spec", &self.nodes.options);
        let mut specs = vec![self.nodes.ask(&question, read_spec).await?];
        if self.nodes.list.len() > 1 {
            let all = self.nodes.list.iter().map(|node| self.nodes.ask_one(node, &question, read_spec));
            for (index, answer) in join_all(all).await.into_iter().enumerate() {
                self.nodes.note(index, &answer);
                specs.extend(answer.ok());
            }
        }
        Ok(ranked(specs))
    }
}

/// Which network a node is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeNetwork {
    /// The node, without user and password.
    pub node: Arc<str>,
    /// `CONFIG_NAME` of its configuration.
    pub name: String,
    /// `genesis_validators_root`, which tells networks of the same name apart.
    pub validators_root: Root,
}

impl BeaconApi {
    /// Which network each node is of, in the order given, each asked once. Those that don't answer are left out.
    pub async fn networks(&self) -> Vec<NodeNetwork> {
        let config = Question::small("the configuration", "eth/v1/config/spec", &self.nodes.options);
        let genesis = self.genesis_question();
        let (config, genesis) = (&config, &genesis);
        let networks = self.nodes.list.iter().map(|node| async move {
            let config = self.nodes.ask_one(node, config, read_spec);
            let genesis = self.nodes.ask_one(node, genesis, read_genesis);
            let (config, genesis) = futures::join!(config, genesis);
            let (spec, _) = config.ok()?;
            Some(NodeNetwork {
                node: Arc::clone(&node.name),
                name: shortened(&spec.config.config_name),
                validators_root: genesis.ok()?.validators_root,
            })
        });
        join_all(networks).await.into_iter().flatten().collect()
    }
}

/// Those that are of the network of the first, each once, the fullest first.
fn ranked(specs: Vec<(Spec, String)>) -> Vec<(Spec, String)> {
    let mut ranked: Vec<(Spec, String)> = Vec::new();
    for (spec, text) in specs {
        let is_same = ranked.first().is_none_or(|(first, _)| is_same_network(&first.config, &spec.config));
        if is_same && ranked.iter().all(|(known, _)| *known != spec) {
            ranked.push((spec, text));
        }
    }
    ranked.sort_by_key(|(spec, _)| Reverse((spec.config.plans(), spec.config.unknown_forks.len())));
    ranked
}

fn is_same_network(a: &Config, b: &Config) -> bool {
    a.config_name == b.config_name && a.forks.first() == b.forks.first()
}

fn read_spec(answer: &Answer) -> Result<(Spec, String), ApiProblem> {
    // What is cut short is another thing than what is wrong.
    answer.json()?;
    let text = String::from_utf8(answer.body.to_vec()).map_err(ApiProblem::unreadable)?;
    let spec = Spec::parse(&text).map_err(ApiProblem::unreadable)?;
    Ok((spec, text))
}

#[cfg(test)]
mod tests {
    use consensus::spec::{Fork, Network, UnknownFork};

    use super::*;

    fn planned(gloas: u64) -> Spec {
        let mut spec = Network::Mainnet.spec();
        spec.config.set_fork_epoch(Fork::Gloas, gloas);
        spec
    }

    #[test]
    fn the_one_that_plans_most_comes_first_if_it_is_of_the_network() {
        let (old, new) = (planned(u64::MAX), planned(600_000));
        let mut other = Network::Hoodi.spec();
        other.config.set_fork_epoch(Fork::Gloas, 5);
        let mut unknown = old.clone();
        unknown.config.unknown_forks.push(UnknownFork { name: "heze".to_owned(), epoch: 9 });
        let order = |specs: &[&Spec]| -> Vec<Spec> {
            let specs = specs.iter().map(|spec| ((*spec).clone(), String::new())).collect();
            ranked(specs).into_iter().map(|(spec, _)| spec).collect()
        };
        assert_eq!(order(&[&old, &new, &old, &other]), [new.clone(), old.clone()]);
        assert_eq!(order(&[&new, &planned(700_000)]), [new.clone(), planned(700_000)], "the first of equals");
        assert_eq!(order(&[&old, &unknown, &new]), [new, unknown, old]);
        assert!(order(&[]).is_empty());
    }
}
