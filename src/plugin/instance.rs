//! A function of an instance, run in slices: after each it is looked at whether it may go on.

use std::time::Instant;

use wasmi::{AsContext, Error, Extern, Func, Instance, ResumableCall, Store, Val, ValType};

use super::call::Running;
use super::error::CallError;
use super::manifest::Quotas;

/// Instructions between two looks at the time: a few milliseconds at most, whatever is done.
const SLICE: u64 = 500_000;

/// Fuel of a call.
pub(super) struct Tank {
    quotas: Quotas,
    /// What isn't in the store yet.
    left: u64,
}

impl Tank {
    pub(super) fn new(quotas: Quotas) -> Self {
        Self { quotas, left: quotas.fuel }
    }

    /// Gives the store what one slice takes, `needed` at least.
    pub(super) fn fill(&mut self, store: &mut Store<Running>, needed: u64) -> Result<(), CallError> {
        let debt = std::mem::take(&mut store.data_mut().debt);
        self.left = self.left.saturating_sub(debt);
        if Instant::now() >= store.data().deadline {
            return Err(CallError::Slow(self.quotas.ms));
        }
        if store.data().host.is_over() {
            return Err(CallError::Stopping);
        }
        let there = store.get_fuel().unwrap_or(0);
        let more = needed.saturating_sub(there).max(SLICE).min(self.left);
        if there + more < needed {
            return Err(CallError::Fuel(self.quotas.fuel));
        }
        self.left -= more;
        store.set_fuel(there + more).map_err(|error| CallError::Begin(error.to_string()))
    }

    /// Takes back what is left in the store, so that what runs next is looked at after each slice.
    pub(super) fn take_back(&mut self, store: &mut Store<Running>) -> Result<(), CallError> {
        self.left += store.get_fuel().unwrap_or(0);
        store.set_fuel(0).map_err(|error| CallError::Begin(error.to_string()))
    }

    /// What was used up.
    pub(super) fn used(&self, store: &Store<Running>) -> u64 {
        let spent = self.quotas.fuel.saturating_sub(self.left + store.get_fuel().unwrap_or(0));
        spent.saturating_add(store.data().debt)
    }

    /// Why something broke off.
    pub(super) fn why(&self, store: &mut Store<Running>, error: &Error) -> CallError {
        if let Some(stopped) = store.data_mut().stopped.take() {
            return stopped;
        }
        match error.as_trap_code() {
            Some(wasmi::TrapCode::OutOfFuel) => CallError::Fuel(self.quotas.fuel),
            _ => CallError::Trap(error.to_string().chars().take(200).collect()),
        }
    }
}

/// An exported function that takes nothing, and gives nothing or whether it failed.
pub(super) fn function(store: &Store<Running>, instance: Instance, name: &str) -> Option<Func> {
    let Some(Extern::Func(func)) = instance.get_export(store, name) else { return None };
    let ty = func.ty(store.as_context());
    let is_fit = ty.params().is_empty() && matches!(ty.results(), [] | [ValType::I32]);
    is_fit.then_some(func)
}

/// Runs it to its end, and answers with what it gives, 0 where it gives nothing.
pub(super) fn run(store: &mut Store<Running>, func: Func, tank: &mut Tank) -> Result<i32, CallError> {
    let results = func.ty(store.as_context()).results().len();
    let mut outputs = vec![Val::I32(0); results];
    tank.fill(store, 1)?;
    let mut at = func.call_resumable(&mut *store, &[], &mut outputs);
    loop {
        match at {
            Ok(ResumableCall::Finished) => break,
            Ok(ResumableCall::OutOfFuel(waiting)) => {
                tank.fill(store, waiting.required_fuel())?;
                at = waiting.resume(&mut *store, &mut outputs);
            }
            Ok(ResumableCall::HostTrap(trap)) => return Err(tank.why(store, trap.host_error())),
            Err(error) => return Err(tank.why(store, &error)),
        }
    }
    Ok(match outputs.first() {
        Some(Val::I32(value)) => *value,
        _ => 0,
    })
}
