//! A server's process on a core of its own, and what it takes.

use std::fs;
use std::io;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::tally::Usage;

/// A process that is measured. Dropping it ends it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Where this thread ran before.
    mine: CpuSet,
}

impl Process {
    /// Starts it on the first `cores` cores of those that this thread may run on; what this thread does
    /// from now on, until this is dropped, runs on the others. Where that leaves none, both share.
    pub fn start_apart(command: &mut Command, cores: usize) -> io::Result<Self> {
        let mine = sched_getaffinity(None)?;
        let all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| mine.is_set(*core)).collect();
        let (server, rest) = all.split_at(cores.min(all.len()));
        // What is started inherits where this thread may run.
        sched_setaffinity(None, &set(server))?;
        let started = command.spawn();
        sched_setaffinity(None, &if rest.is_empty() { mine } else { set(rest) })?;
        Ok(Self { child: started?, mine })
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// What it has taken so far.
    pub fn usage(&self) -> io::Result<Usage> {
        let process = self.child.id().to_string();
        Ok(Usage {
            at: Instant::now(),
            server: Some(processor_time(&process)?),
            driver: processor_time("self")?,
            memory: memory(&process)?,
        })
    }

    /// What this program has taken, beside a server that can't be looked at.
    pub fn usage_of_self() -> io::Result<Usage> {
        Ok(Usage { at: Instant::now(), server: None, driver: processor_time("self")?, memory: 0 })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = sched_setaffinity(None, &self.mine);
    }
}

fn set(cores: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core);
    }
    set
}

/// Processor time of a process, of all its threads, as the scheduler counts it in nanoseconds; where it doesn't, as user and
/// system time in ticks. What threads took that have ended is in the ticks alone.
fn processor_time(process: &str) -> io::Result<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task"))?.filter_map(Result::ok);
    let time = |thread: fs::DirEntry| {
        let counted = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        counted.split_whitespace().next()?.parse::<u64>().ok()
    };
    match threads.filter_map(time).sum() {
        0 => ticks(process),
        nanoseconds => Ok(Duration::from_nanos(nanoseconds)),
    }
}

fn ticks(process: &str) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may hold spaces; utime and stime are the 14th and 15th fields.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    let a_second = rustix::param::clock_ticks_per_second().max(1);
    Ok(Duration::from_secs_f64(ticks as f64 / a_second as f64))
}

/// Resident memory of a process, in bytes.
fn memory(process: &str) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024)
}
