//! What the control thread saw last of what it isn't told of, and by which somebody may know more.

use std::sync::Arc;

use super::shared::Shared;
use crate::account::KeptOut;
use crate::feed::{Opened, Whom};
use crate::id::Moment;
use crate::store::BanSubject;

/// By how many milliseconds the clocks come apart when one of them is set.
const SET: u128 = 1_000;

/// Who was kept out, and what the clocks showed.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) kept_out: Arc<KeptOut>,
    clocks: Moment,
}

impl Past {
    pub(super) fn new<P>(shared: &Shared<P>) -> Self {
        Self { kept_out: shared.accounts.kept_out(), clocks: shared.clock.now() }
    }

    /// What was opened since by bans that were lifted, and by a clock that was set.
    pub(super) fn opened(&mut self, kept_out: Arc<KeptOut>, now: Moment) -> Vec<Opened> {
        let mut opened = Vec::new();
        if !Arc::ptr_eq(&kept_out, &self.kept_out) {
            let lifted = self.kept_out.lifted(&kept_out).map(|subject| match subject {
                BanSubject::User(user) => Whom::Account(user),
                BanSubject::Address { .. } | BanSubject::Certificate(_) => Whom::Everybody,
            });
            opened.extend(lifted.map(|to| Opened { to, channel: None }));
            self.kept_out = kept_out;
        }
        // When something ended can't be said by a clock that was set since.
        if by_which(now).abs_diff(by_which(self.clocks)) > SET {
            opened.push(Opened { to: Whom::Everybody, channel: None });
            self.clocks = now;
        }
        opened
    }
}

/// How far the wall clock is ahead of the monotonic one, in milliseconds.
fn by_which(now: Moment) -> i128 {
    i128::from(now.wall.0).saturating_sub_unsigned(now.monotonic.as_millis())
}
