//! What time it is, and how much of it has passed, for accounts, control and the server's start and stop. They are given a
//! [`Clock`] and read no other, so that tests turn it rather than wait. Connections, recordings, the store and clients
//! measure their own moments by the machine's monotonic clock.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use crate::id::{Moment, Timestamp};

/// How long a wait for a time of the wall clock lasts before the clock is read again, since it may be set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Wall time, which is what people and the database go by and may be set at any moment, and monotonic time, which only
/// ever goes on and is what durations are measured with. Cheap to clone; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System { began: Instant },
    Turned(watch::Receiver<Moment>),
}

impl Clock {
    /// The machine's clock. Its monotonic time begins now.
    pub fn system() -> Self {
        Self(Source::System { began: Instant::now() })
    }

    /// A clock that stands still at `wall` until it is turned. Its monotonic time begins at zero.
    pub fn turned(wall: Timestamp) -> (Self, TurnedClock) {
        let (sender, receiver) = watch::channel(Moment { wall, monotonic: Duration::ZERO });
        (Self(Source::Turned(receiver)), TurnedClock(sender))
    }

    /// The wall time. A clock set before 1970 shows 1970.
    pub fn wall(&self) -> Timestamp {
        match &self.0 {
            Source::System { .. } => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                Timestamp::default().plus(since)
            }
            Source::Turned(shown) => shown.borrow().wall,
        }
    }

    /// The monotonic time, since the clock was made.
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Source::System { began } => began.elapsed(),
            Source::Turned(shown) => shown.borrow().monotonic,
        }
    }

    /// The time by both.
    pub fn now(&self) -> Moment {
        match &self.0 {
            Source::System { .. } => Moment { wall: self.wall(), monotonic: self.monotonic() },
            Source::Turned(shown) => *shown.borrow(),
        }
    }

    /// Waits until the monotonic time is `moment`.
    pub async fn until(&self, moment: Duration) {
        match &self.0 {
            Source::System { began } => match began.checked_add(moment) {
                Some(moment) => tokio::time::sleep_until(moment.into()).await,
                None => std::future::pending().await,
            },
            Source::Turned(shown) => turned_to(shown, |shown| shown.monotonic >= moment).await,
        }
    }

    /// Waits until the wall time is `moment`, also where the clock is set meanwhile; then it may take ten seconds
    /// longer.
    pub async fn until_wall(&self, moment: Timestamp) {
        match &self.0 {
            Source::System { .. } => loop {
                let left = moment.since(self.wall());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LOOK_AGAIN)).await;
            },
            Source::Turned(shown) => turned_to(shown, |shown| shown.wall >= moment).await,
        }
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        self.until(self.monotonic().saturating_add(duration)).await;
    }
}

async fn turned_to(shown: &watch::Receiver<Moment>, is_reached: impl Fn(&Moment) -> bool) {
    // A clock that nobody can turn any more stands still for good.
    if shown.clone().wait_for(is_reached).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What turns a clock of [`Clock::turned`]. Whoever waits for a moment that is reached by it goes on.
#[derive(Debug)]
pub struct TurnedClock(watch::Sender<Moment>);

impl TurnedClock {
    /// Time goes on by `duration`, on the wall as well.
    pub fn advance(&self, duration: Duration) {
        self.0.send_modify(|shown| {
            shown.wall = shown.wall.plus(duration);
            shown.monotonic = shown.monotonic.saturating_add(duration);
        });
    }

    /// The wall clock is set, to an earlier or a later time, and no time passes.
    pub fn set_wall(&self, wall: Timestamp) {
        self.0.send_modify(|shown| shown.wall = wall);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_turned_clock_shows_what_it_was_turned_to() {
        let (clock, turned) = Clock::turned(Timestamp(1_000_000));
        turned.advance(MINUTE);
        assert_eq!((clock.wall(), clock.monotonic()), (Timestamp(1_060_000), MINUTE));
        turned.set_wall(Timestamp(7));
        assert_eq!((clock.clone().wall(), clock.clone().monotonic()), (Timestamp(7), MINUTE));
    }

    #[tokio::test]
    async fn whoever_waits_goes_on_when_the_moment_is_reached_and_not_before() {
        let (clock, turned) = Clock::turned(Timestamp(0));
        let waiting = tokio::spawn(async move {
            clock.until(MINUTE).await;
            clock.until_wall(Timestamp(120_000)).await;
            clock.monotonic()
        });
        tokio::task::yield_now().await;
        turned.advance(MINUTE / 2);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        turned.advance(MINUTE / 2);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        turned.set_wall(Timestamp(120_000));
        assert_eq!(waiting.await.unwrap(), MINUTE);
    }

    #[tokio::test]
    async fn the_machine_s_clock_goes_on() {
        let clock = Clock::system();
        let (wall, before) = (clock.wall(), clock.monotonic());
        clock.sleep(Duration::from_millis(5)).await;
        clock.until_wall(wall.plus(Duration::from_millis(5))).await;
        assert!(clock.monotonic() >= before + Duration::from_millis(5));
    }
}
