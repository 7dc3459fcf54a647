//! How often one address may ask.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::error::ApiError;
use crate::state::AppState;

/// How often one address may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests in a minute, over time.
    pub per_minute: NonZeroU32,
    /// Requests at once, after a time without any.
    pub burst: NonZeroU32,
}

/// Above so many addresses those that may ask as often as they like are forgotten.
const REMEMBERED: usize = 65_536;

/// The header in which proxies say for whom they ask.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Counts the requests of addresses.
pub(crate) struct Limiter {
    limit: RateLimit,
    limiter: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>,
}

impl Limiter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        let quota = Quota::per_minute(limit.per_minute).allow_burst(limit.burst);
        Self { limit, limiter: RateLimiter::hashmap(quota) }
    }

    /// Takes a request, or says how many seconds are to pass before the next one.
    fn take(&self, address: IpAddr) -> Result<(), ApiError> {
        if self.limiter.len() > REMEMBERED {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&group(address)).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            let wait = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
            ApiError::TooOften { limit: self.limit.per_minute.get(), wait }
        })
    }
}

/// Whom an address stands for: in IPv6 a network of 64 bits is one reader's.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

/// Who asks: the peer, or the last one in `X-Forwarded-For` that is no proxy of ours.
fn reader(request: &Request, proxies: &[IpAddr]) -> Option<IpAddr> {
    let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    let peer = peer.ip().to_canonical();
    if !proxies.contains(&peer) {
        return Some(peer);
    }
    let named = request.headers().get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<&str> = named.flat_map(|value| value.split(',')).collect();
    let addresses = named.iter().rev().filter_map(|text| text.trim().parse::<IpAddr>().ok());
    let outside = addresses.map(|address| address.to_canonical()).find(|address| !proxies.contains(address));
    Some(outside.unwrap_or(peer))
}

/// Refuses requests of an address that asks too often. Load balancers and Prometheus are let through.
pub(crate) async fn limit(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_exempt = path.starts_with("/health/") || path == "/metrics";
    if let Some(limiter) = state.limiter()
        && !is_exempt
        && let Some(reader) = reader(&request, &state.settings().trusted_proxies)
        && let Err(error) = limiter.take(reader)
    {
        return error.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(peer: &str, forwarded: &[&str]) -> Request {
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 9)));
        for value in forwarded {
            request.headers_mut().append(FORWARDED_FOR, value.parse().unwrap());
        }
        request
    }

    #[test]
    fn only_proxies_of_ours_speak_for_others() {
        let proxies: Vec<IpAddr> = vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        for (peer, forwarded, expected) in [
            ("192.0.2.7", vec![], "192.0.2.7"),
            ("192.0.2.7", vec!["198.51.100.1"], "192.0.2.7"),
            ("10.0.0.1", vec!["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", vec!["203.0.113.5, 198.51.100.1", "10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", vec!["unknown"], "10.0.0.1"),
        ] {
            let found = reader(&request(peer, &forwarded), &proxies).unwrap();
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn a_burst_is_taken_and_the_next_one_waits() {
        let number = |number| NonZeroU32::new(number).unwrap();
        let limiter = Limiter::new(RateLimit { per_minute: number(1), burst: number(3) });
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for last in 1..=3 {
            limiter.take(address(&format!("2001:db8::{last}"))).unwrap();
        }
        let error = limiter.take(address("2001:db8::9")).unwrap_err();
        assert!(matches!(error, ApiError::TooOften { limit: 1, wait: 1..=60 }), "{error:?}");
        limiter.take(address("2001:db8:0:1::9")).unwrap();
    }
}
