//! What happened, typed and numbered, after it was committed; and those who follow it, each told what they may know.

mod event;
mod message;
mod missed;
mod opened;
mod ring;
mod told;

pub use event::{Doer, Event, Happened, Kind, To};
pub use message::{Message, Missing};
pub use missed::{OPENINGS, Openings, Since};
pub use opened::{Opened, Sight, Whom};
pub use ring::{Feed, Filter, KEPT, SUBSCRIBERS, SubscribeError, Subscription, WAITING};
pub use told::{COMMON, KINDS, Shown, WORDS, told};
