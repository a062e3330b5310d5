//! What happened, typed and numbered, after it was committed; and those who follow it, each told what they may know.

mod event;
mod missed;
mod opened;
mod ring;

pub use event::{Doer, Event, Happened, Kind, To};
pub use missed::{OPENINGS, Openings, Since};
pub use opened::{Opened, Whom};
pub use ring::{Feed, Filter, KEPT, SUBSCRIBERS, SubscribeError, Subscription, WAITING};
