//! Times that come again: a cron expression by the clocks of a time zone.
//!
//! Clocks skip and repeat hours, and what a schedule means then is decided here. A schedule whose hour begins with `*` says how much time
//! passes: it goes by the time that passed, so it comes in both of two hours of the same name and has nothing to do in one that isn't
//! there. Any other one says a time of the day, and comes once on each date: in an hour that is skipped at the moment after the gap, in
//! one that is repeated the first time only.

use cronexpr::{Crontab, FallbackTimezoneOption, ParseOptions};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use thiserror::Error;

use crate::id::Timestamp;

/// Times that come again.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The expression, whose times are those of a clock on the wall.
    wall: Crontab,
    zone: TimeZone,
    /// It says how much time passes, rather than a time of the day.
    by_elapsed: bool,
    expression: String,
    zone_name: String,
}

/// Why something is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// The expression isn't one.
    #[error(
        "is no cron expression ({why}); it has five parts: minute, hour, day of the month, month, day of the week, as \
         \"30 2 * * *\" for half past two every night"
    )]
    Expression {
        /// What its library says.
        why: String,
    },
    /// It never comes.
    #[error("never comes: no such day is on the calendar")]
    Never,
    /// There is no such zone.
    #[error("is no time zone; it has a name of the IANA database, as \"Europe/Berlin\" or \"UTC\"")]
    Zone,
}

/// Times that were due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissedTimes {
    /// The first one.
    pub first: Timestamp,
    /// The last one that was counted.
    pub last: Timestamp,
    /// How many; [`MOST_MISSED`] stands for as many or more.
    pub count: u32,
}

/// Times that are counted at most when the server was away.
pub const MOST_MISSED: u32 = 1_000;

impl Schedule {
    /// The times of an expression by the clocks of a zone. Neither is looked for beyond the machine's list of zones and the one of
    /// this program.
    pub fn new(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        let mut parts = expression.split_ascii_whitespace();
        let hour = parts.clone().nth(1).unwrap_or_default();
        let refused = |why: &str| ScheduleError::Expression { why: why.to_owned() };
        if expression.len() > LONGEST || parts.by_ref().count() != PARTS {
            return Err(refused("it doesn't have five parts"));
        }
        let by_elapsed = hour.starts_with('*');
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let wall = cronexpr::parse_crontab_with(expression, options).map_err(|error| {
            let words = error.to_string();
            // Its first lines show the expression.
            let last = words.lines().last().unwrap_or_default();
            refused(last.trim_start_matches([' ', '^']))
        })?;
        let zone_name = zone.to_owned();
        let zone = if zone.len() > LONGEST { None } else { TimeZone::get(zone).ok() };
        let zone = zone.ok_or(ScheduleError::Zone)?;
        let schedule = Self { wall, zone, by_elapsed, expression: expression.to_owned(), zone_name };
        let ever = schedule.next_after(SOME_TIME).is_some();
        if ever { Ok(schedule) } else { Err(ScheduleError::Never) }
    }

    /// The expression, as it was written.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The name of its time zone.
    pub fn zone(&self) -> &str {
        &self.zone_name
    }

    /// The first time after this one; nothing where there is none any more.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let after =
            i64::try_from(time.0).ok().and_then(|time| jiff::Timestamp::from_millisecond(time).ok())?;
        if after > jiff::Timestamp::from_second(LAST_SECOND).ok()? {
            return None;
        }
        let next = if self.by_elapsed { self.next_elapsed(after) } else { self.next_of_day(after) };
        u64::try_from(next?.as_millisecond()).ok().map(Timestamp)
    }

    /// What was due after the one time and up to the other; nothing where nothing was.
    pub fn missed(&self, after: Timestamp, until: Timestamp) -> Option<MissedTimes> {
        let first = self.next_after(after).filter(|first| *first <= until)?;
        let mut missed = MissedTimes { first, last: first, count: 1 };
        while missed.count < MOST_MISSED {
            let Some(next) = self.next_after(missed.last).filter(|next| *next <= until) else { break };
            missed = MissedTimes { last: next, count: missed.count + 1, ..missed };
        }
        Some(missed)
    }

    /// The next time of the day: what the clock on the wall shows, put into the one moment that stands for it. Later times of the clock
    /// never stand for earlier moments, so the first one past `after` is the next.
    fn next_of_day(&self, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let mut wall = self.zone.to_datetime(after);
        for _ in 0..MOST_AT_A_CHANGE {
            wall = self.next_on_the_wall(wall)?;
            let moment = self.moment(wall)?;
            if moment > after {
                return Some(moment);
            }
        }
        None
    }

    /// The next time by what passes: what the clock shows until it is changed, and then what it shows after that.
    fn next_elapsed(&self, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let mut from = after;
        for _ in 0..MOST_AT_A_CHANGE {
            let offset = self.zone.to_offset(from);
            let next = offset.to_timestamp(self.next_on_the_wall(offset.to_datetime(from))?).ok()?;
            let change = self.zone.following(from).next().map(|change| change.timestamp());
            match change.filter(|change| *change <= next) {
                None => return Some(next),
                Some(change) if self.shows(self.zone.to_datetime(change)) => return Some(change),
                Some(change) => from = change,
            }
        }
        None
    }

    /// The first time of the expression that a clock shows after this one.
    fn next_on_the_wall(&self, wall: DateTime) -> Option<DateTime> {
        let next = self.wall.find_next(Offset::UTC.to_timestamp(wall).ok()?).ok()?;
        Some(next.datetime())
    }

    /// Whether the expression has this time of a clock.
    fn shows(&self, wall: DateTime) -> bool {
        let time = Offset::UTC.to_timestamp(wall).ok();
        wall.second() == 0 && time.is_some_and(|time| self.wall.matches(time).unwrap_or(false))
    }

    /// The moment at which it is so late: the first of two, and the one after the gap where the clock doesn't show it.
    fn moment(&self, wall: DateTime) -> Option<jiff::Timestamp> {
        match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(wall).ok()
            }
            AmbiguousOffset::Gap { before, .. } => {
                let behind =
                    before.to_timestamp(wall).ok()?.checked_add(jiff::SignedDuration::from_secs(1)).ok()?;
                self.zone.preceding(behind).next().map(|change| change.timestamp())
            }
        }
    }
}

const PARTS: usize = 5;

/// Bytes of an expression, and of a zone's name, at most.
const LONGEST: usize = 256;

/// Times that a clock shows twice or not at all, at most: a zone may leave out a whole day, of 1,440 minutes.
const MOST_AT_A_CHANGE: usize = 3_000;

/// A time from which each day of the calendar comes within four years, in milliseconds: 2024-01-01.
const SOME_TIME: Timestamp = Timestamp(1_704_067_200_000);

/// After the year 9000 nothing comes: its library counts four years further than the one that is asked for, and there is no year 10000.
const LAST_SECOND: i64 = 221_845_392_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The next times after a time, without the seconds.
    fn next(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::new(expression, zone).unwrap();
        let mut time = at(after);
        let mut found = Vec::new();
        for _ in 0..count {
            time = schedule.next_after(time).unwrap();
            found.push(time.to_string().replace(":00Z", "Z"));
        }
        found
    }

    #[test]
    fn a_nightly_time_comes_once_on_the_date_on_which_clocks_skip_it() {
        // In Berlin 02:00 becomes 03:00 on 2026-03-29, at 01:00 UTC.
        let nights = next("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3);
        assert_eq!(nights, ["2026-03-28T01:30Z", "2026-03-29T01:00Z", "2026-03-30T00:30Z"]);
        // What stands for the same moment comes once.
        let both = next("0,30 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 3);
        assert_eq!(both, ["2026-03-29T01:00Z", "2026-03-29T01:30Z", "2026-03-30T00:00Z"]);
        // Asked within the gap's moment, the next one is the next date's.
        let after = next("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", 1);
        assert_eq!(after, ["2026-03-30T00:30Z"]);
    }

    #[test]
    fn a_nightly_time_comes_once_on_the_date_on_which_clocks_repeat_it() {
        // In Berlin 03:00 becomes 02:00 on 2026-10-25, at 01:00 UTC.
        let nights = next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(nights, ["2026-10-25T00:30Z", "2026-10-26T01:30Z"]);
        for within in
            ["2026-10-25T00:30:00Z", "2026-10-25T00:45:00Z", "2026-10-25T01:29:00Z", "2026-10-25T01:30:00Z"]
        {
            assert_eq!(next("30 2 * * *", "Europe/Berlin", within, 1), ["2026-10-26T01:30Z"], "{within}");
        }
        // New York, where they are changed at another hour.
        let nights = next("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2);
        assert_eq!(nights, ["2026-11-01T05:30Z", "2026-11-02T06:30Z"]);
    }

    #[test]
    fn what_comes_every_so_often_goes_by_the_time_that_passes() {
        let hours = next("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 4);
        assert_eq!(
            hours,
            ["2026-10-25T00:00Z", "2026-10-25T01:00Z", "2026-10-25T02:00Z", "2026-10-25T03:00Z"]
        );
        let hours = next("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3);
        assert_eq!(hours, ["2026-03-29T00:30Z", "2026-03-29T01:30Z", "2026-03-29T02:30Z"]);
        // Half an hour is skipped and repeated on Lord Howe Island.
        let hours = next("*/15 * * * *", "Australia/Lord_Howe", "2026-04-04T14:29:00Z", 5);
        let wanted =
            ["14:30Z", "14:45Z", "15:00Z", "15:15Z", "15:30Z"].map(|time| format!("2026-04-04T{time}"));
        assert_eq!(hours, wanted);
    }

    #[test]
    fn a_day_that_a_zone_left_out_had_its_time_at_the_moment_after_it() {
        // Samoa went from the 29th to the 31st of December 2011.
        let days = next("30 2 * * *", "Pacific/Apia", "2011-12-29T13:00:00Z", 3);
        assert_eq!(days, ["2011-12-30T10:00Z", "2011-12-30T12:30Z", "2011-12-31T12:30Z"]);
    }

    #[test]
    fn what_was_missed_is_told() {
        let nightly = Schedule::new("0 3 * * *", "UTC").unwrap();
        assert_eq!(nightly.missed(at("2026-01-01T03:00:00Z"), at("2026-01-02T02:59:59Z")), None);
        let missed = nightly.missed(at("2026-01-01T03:00:00Z"), at("2026-01-04T03:00:00Z")).unwrap();
        assert_eq!((missed.first, missed.last), (at("2026-01-02T03:00:00Z"), at("2026-01-04T03:00:00Z")));
        assert_eq!(missed.count, 3);
        let minutes = Schedule::new("* * * * *", "UTC").unwrap();
        assert_eq!(
            minutes.missed(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")).unwrap().count,
            MOST_MISSED
        );
    }

    #[test]
    fn what_is_no_schedule_is_refused_in_words() {
        let refused = |expression: &str, zone: &str| Schedule::new(expression, zone).unwrap_err();
        assert!(matches!(refused("0 3 * *", "UTC"), ScheduleError::Expression { .. }));
        assert!(matches!(refused("0 3 * * * UTC", "UTC"), ScheduleError::Expression { .. }));
        assert!(matches!(refused("H 3 * * *", "UTC"), ScheduleError::Expression { .. }));
        let words = refused("0 25 * * *", "UTC").to_string();
        assert!(words.contains("0..=23") && !words.contains('\n'), "{words}");
        assert_eq!(refused("0 0 30 2 *", "UTC"), ScheduleError::Never);
        assert_eq!(refused("0 3 * * *", "Europe/Berlinn"), ScheduleError::Zone);
        assert_eq!(refused("0 3 * * *", "../../etc/passwd"), ScheduleError::Zone);
        assert_eq!(Schedule::new("0 3 * * *", "UTC").unwrap().next_after(Timestamp(u64::MAX)), None);
        assert!(Schedule::new("0 0 29 2 *", "UTC").is_ok());
    }

    proptest! {
        /// The next time is later, and what a clock shows then is what the expression says, but for what clocks skip.
        #[test]
        fn the_next_time_is_later_and_of_the_expression(
            minute in 0_u8..60, hour in 0_u8..24, seconds in 0_u64..4_000_000_000, zone in 0_usize..4, every: bool,
        ) {
            let zone = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"][zone];
            let expression = if every { format!("{minute} * * * *") } else { format!("{minute} {hour} * * *") };
            let schedule = Schedule::new(&expression, zone).unwrap();
            let after = Timestamp(seconds * 1_000);
            let next = schedule.next_after(after).unwrap();
            prop_assert!(next > after);
            let days = if every { 3 } else { 2 * 24 };
            prop_assert!(next.0 - after.0 <= days * 3_600_000, "{next} after {after}");
            let zone = TimeZone::get(zone).unwrap();
            let shown = zone.to_datetime(jiff::Timestamp::from_millisecond(next.0 as i64).unwrap());
            let fits = shown.minute() == minute as i8 && (every || shown.hour() == hour as i8);
            let after_a_gap = zone.preceding(jiff::Timestamp::from_millisecond(next.0 as i64 + 1).unwrap()).next()
                .is_some_and(|change| change.timestamp().as_millisecond() == next.0 as i64);
            prop_assert!(fits || (!every && after_a_gap), "{shown} for {expression}");
        }

        /// Each date has its time, once.
        #[test]
        fn a_time_of_the_day_comes_once_on_each_date(hour in 0_u8..24, minute in 0_u8..60, day in 0_u64..20_000) {
            let schedule = Schedule::new(&format!("{minute} {hour} * * *"), "Europe/Berlin").unwrap();
            let zone = TimeZone::get("Europe/Berlin").unwrap();
            let date = |time: Timestamp| {
                zone.to_datetime(jiff::Timestamp::from_millisecond(time.0 as i64).unwrap()).date()
            };
            let first = schedule.next_after(Timestamp(day * 86_400_000)).unwrap();
            let second = schedule.next_after(first).unwrap();
            prop_assert_eq!(date(first).tomorrow().unwrap(), date(second));
        }

        #[test]
        fn no_expression_is_too_odd(expression in "[-*/,#LWH0-9a-zA-Z ]{0,40}", zone in "[A-Za-z/_.]{0,20}") {
            let _ = Schedule::new(&expression, &zone);
        }
    }
}
