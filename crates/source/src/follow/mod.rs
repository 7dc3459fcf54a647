//! The chain as it grows: a tree of the recent blocks with what each of them paid, kept up with one or several nodes.
//!
//! ```text
//! nodes ─▶ beacon_api ─▶ driver ─▶ view ─▶ FollowEvent ─▶ whoever listens
//!                          │         └─ tree of blocks, a few states, the final blocks before them
//!                          └─ asks by root for what is missing; polls where the events are silent
//! ```
//!
//! [`ChainView`] is the whole of the logic: it takes blocks, heads and finality as calls, and has neither clock nor
//! socket. The driver feeds it. [`Follower`] is what others hold: it answers from the view and hands out the events.

mod archived;
mod driver;
mod error;
mod event;
mod fetching;
mod follower;
mod keep;
mod limits;
mod plans;
mod preview;
mod start;
mod view;
mod work;

pub use archived::ArchivedParents;
pub use driver::{Driver, FollowOptions};
pub use error::{FollowError, PreviewError, Refusal};
pub use event::{FollowEvent, HeadChange};
pub use follower::{Arrival, FollowStatus, Follower, Phase};
pub use limits::ViewLimits;
pub use preview::{PreviewWork, Previews, Proposal};
pub use start::Start;
pub use view::{Admission, ChainView, Place};
pub use work::{BlockWork, StatePlan, WorkedBlock};
