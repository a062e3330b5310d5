//! Whose turn it is to read what may be long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{self, OwnedMutexGuard};

use crate::id::UserId;

/// Whose turn it is to read what may be long: one read of an organization at a time, and of each account only one that waits for
/// that, so that whoever asks for much has others wait for one of theirs at most.
#[derive(Debug, Default)]
pub(super) struct Turns {
    all: Arc<Line>,
    /// Of each account, while there is somebody in it; those without one have one together.
    own: Mutex<HashMap<Option<UserId>, Weak<Line>>>,
}

type Line = sync::Mutex<()>;

/// Somebody's turn, which ends when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _all: OwnedMutexGuard<()>,
    _own: OwnedMutexGuard<()>,
}

impl Turns {
    /// Waits for a turn of somebody's.
    pub(super) async fn wait(&self, whose: Option<UserId>) -> Turn {
        let own = self.own_line(whose).lock_owned().await;
        Turn { _all: Arc::clone(&self.all).lock_owned().await, _own: own }
    }

    fn own_line(&self, whose: Option<UserId>) -> Arc<Line> {
        let mut lines = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(&whose).and_then(Weak::upgrade) {
            return line;
        }
        lines.retain(|_, line| line.strong_count() > 0);
        let line = Arc::default();
        lines.insert(whose, Arc::downgrade(&line));
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn whoever_asks_for_much_has_others_wait_for_one_of_theirs() {
        let turns = Turns::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut waits = |user| {
            let mut waiting = Box::pin(turns.wait(Some(UserId(user))));
            let turn = match waiting.as_mut().poll(&mut context) {
                Poll::Ready(turn) => Some(turn),
                Poll::Pending => None,
            };
            (waiting, turn)
        };
        let (_, reads) = waits(1);
        assert!(reads.is_some());
        // So many of one account, and then one of another.
        let mut more: Vec<_> = (0..100).map(|_| waits(1).0).collect();
        let mut other = waits(2).0;
        let mut context = Context::from_waker(Waker::noop());
        drop(reads);
        assert!(
            more[0].as_mut().poll(&mut context).is_pending(),
            "it comes to the line of all of them behind"
        );
        let Poll::Ready(turn) = other.as_mut().poll(&mut context) else { panic!("it isn't behind them") };
        drop(turn);
        for one in &mut more {
            assert!(one.as_mut().poll(&mut context).is_ready());
        }
        assert_eq!(turns.own.lock().unwrap().len(), 2);
        drop((more, other));
        drop(turns.own_line(Some(UserId(3))));
        assert_eq!(turns.own.lock().unwrap().len(), 1);
    }
}
