//! The power goes at each write to the disk that a use case makes, one after the other: all of it is there afterwards,
//! or nothing; and what wasn't done is done by the same write, run again, as if nothing had happened.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::again::{again, exported};
use super::disk::{Dice, Disk};
use super::model::{self, Facts, Step};
use super::{asked_for, fresh};
use crate::id::Timestamp;
use crate::store::{By, Rejected, Store, Write};

/// A use case is played once, and once more for each so many crashes that `make crash` asks for.
const MORE: u64 = 100_000;

/// What has to be met at least: everything about an account that is more than one row, and what organizations and
/// moderators are about.
const ALL: &[&str] = &[
    "a step",
    "add_channel",
    "add_hook_messages",
    "add_role",
    "advance_run",
    "advance_run (ended)",
    "allow_oauth_client",
    "ask_of_run",
    "ask_of_run (ended)",
    "ban",
    "begin_assistant_call",
    "begin_oauth_family",
    "begin_second_factor",
    "begin_session",
    "change_password",
    "confirm_second_factor",
    "create_flow",
    "create_hook",
    "create_oauth_client",
    "create_organization",
    "delete_channel",
    "delete_organization",
    "delete_role",
    "delete_user",
    "edit_flow",
    "edit_flow (on)",
    "edit_hook (elsewhere)",
    "edit_hook (on)",
    "edit_organization",
    "edit_plugin",
    "edit_role",
    "edit_user (disabled)",
    "end_assistant_call",
    "end_assistant_call (refused)",
    "end_device",
    "end_jobs",
    "end_oauth_family",
    "end_other_devices",
    "end_sessions_of",
    "exchange_oauth_token",
    "exchange_oauth_token (reused)",
    "grant",
    "install_plugin",
    "install_plugin (again)",
    "keep_plugin_values",
    "lift_ban",
    "note_hook_try",
    "note_hook_try (elsewhere)",
    "note_hook_try (given up)",
    "note_hook_try (gone)",
    "put_element",
    "put_job",
    "put_job (ended)",
    "put_organization_settings",
    "put_restraint",
    "put_role",
    "queue_run_by_message",
    "queue_run_by_message (again)",
    "queue_runs",
    "rate_flow",
    "register",
    "remove_element",
    "remove_flow",
    "remove_hook",
    "remove_plugin",
    "remove_second_factor",
    "replay_hook_messages",
    "request_reset",
    "reserve_events",
    "reset_password",
    "revoke_oauth_client",
    "revoke_oauth_grant",
    "rotate_hook_secret",
    "seal_flow_settings",
    "seal_flow_settings (changed meanwhile)",
    "set_email",
    "set_email (none)",
    "set_password",
    "turn_flow_off",
    "turn_hook_off",
    "turn_plugin_off",
    "verify_email",
];

#[test]
fn each_use_case_is_there_whole_or_not_at_all_wherever_the_power_goes() {
    let each = 1 + asked_for().unwrap_or(0) / MORE;
    let (mut disk, mut known, mut dice) = (fresh(), Facts::new(), Dice(0x9e37_79b9_7f4a_7c15));
    let (mut met, mut crashes) = (BTreeMap::<&str, u64>::new(), 0);
    for serial in 1..20_000 {
        let store = Store::open_on(disk.copy(), Timestamp(1)).unwrap();
        let step = model::step(&store, &known, &mut dice, serial);
        drop(store);
        let times = met.entry(step.what).or_default();
        *times += 1;
        let is_tried = *times <= each;
        let (after, tried) = play(&disk, step, is_tried, &mut known, &mut dice);
        (disk, crashes) = (after, crashes + tried);
        if ALL.iter().all(|what| met.get(what).is_some_and(|times| *times >= each)) {
            println!("{crashes} crashes at the writes of {} use cases", met.len());
            return;
        }
    }
    panic!("not all are met: {met:?}");
}

/// Does a step, and answers with the disk after it. Before that it is tried on copies of the disk on which the power goes
/// at the first write, the second one, and so on.
fn play(disk: &Disk, step: Step, is_tried: bool, known: &mut Facts, dice: &mut Dice) -> (Disk, u64) {
    let what = step.what;
    let write = Arc::new(Mutex::new(step.write));
    let whole = disk.copy();
    let store = Store::open_on(whole.clone(), Timestamp(1)).unwrap();
    let before = exported(&store);
    run(&store, &write).unwrap();
    let after = exported(&store);
    drop(store);
    known.extend(step.makes);
    if !is_tried {
        return (whole.after_restart(), 0);
    }
    let mut crashes = 0;
    loop {
        let copy = disk.copy();
        let store = Store::open_on(copy.clone(), Timestamp(1)).unwrap();
        copy.fail_after(crashes);
        let outcome = run(&store, &write);
        // Without the sync that closing makes.
        copy.fail_after(0);
        drop(store);
        crashes += 1;
        let store = Store::open_on(copy.after_crash(dice), Timestamp(1)).unwrap();
        let found = exported(&store);
        assert!(
            found == before || found == after,
            "{what}, write {crashes}: half done\n{before}\n{found}\n{after}"
        );
        assert!(outcome.is_err() || found == after, "{what}, write {crashes}: acknowledged, and lost");
        if found == before {
            run(&store, &write).unwrap();
            assert!(exported(&store) == after, "{what}, write {crashes}: run again, it does something else");
        }
        assert_eq!(store.verify().unwrap(), [], "{what}, write {crashes}");
        if outcome.is_ok() {
            return (whole.after_restart(), crashes);
        }
    }
}

fn run(store: &Store, write: &Arc<Mutex<Write<(), Rejected>>>) -> Result<(), String> {
    store.run(By::server(Timestamp(1)), again(write)).map_err(|error| error.to_string())
}
